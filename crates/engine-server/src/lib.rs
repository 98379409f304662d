//! When runs start: schedules, webhooks, and the inbox between them and the flows.
