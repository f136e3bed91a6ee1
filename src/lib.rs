//! Load testing and SLA verification for webhook-driven services.
