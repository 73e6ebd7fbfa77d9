//! Arguments, settings, commands and exit codes.
