//! Verbs, pure and deterministic: plan, audit, decide, apply, recover.
