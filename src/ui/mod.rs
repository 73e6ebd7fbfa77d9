//! The full-screen wizard.
