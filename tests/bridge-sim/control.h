/* Questions of the control port (report.c), for its table (control.c). */
#pragma once

struct sim;
struct http_req;

void report_state(struct sim *s, struct http_req *r);
void report_counters(struct sim *s, struct http_req *r);
void report_calls(struct sim *s, struct http_req *r);
void report_acknowledged(struct sim *s, struct http_req *r);
void report_metrics(struct sim *s, struct http_req *r);
