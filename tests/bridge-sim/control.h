/* Questions of the control port (tell.c), for its table (control.c). */
#pragma once

struct sim;
struct http_req;

void tell_state(struct sim *s, struct http_req *r);
void tell_counters(struct sim *s, struct http_req *r);
void tell_calls(struct sim *s, struct http_req *r);
void tell_acknowledged(struct sim *s, struct http_req *r);
void tell_metrics(struct sim *s, struct http_req *r);
