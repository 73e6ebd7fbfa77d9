//! Durable truth: one record per lasting event, hash-chained, synced before anything acts on it.
