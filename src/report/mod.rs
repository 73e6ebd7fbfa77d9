//! What happened, for readers other than the full-screen wizard.
