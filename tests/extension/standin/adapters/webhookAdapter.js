'use strict';
/* zapw posts three times within 3 s; none of the tests needs that, so it only keeps the events. */
class WebhookAdapter {
  sent = [];

  async sendEvent(event) {
    await new Promise((done) => setTimeout(done, Number(process.env.STANDIN_SEND_MS || 0)));
    this.sent.push(event);
  }
}

exports.webhookAdapter = new WebhookAdapter();
