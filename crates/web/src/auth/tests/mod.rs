//! Passwords, people and sessions on real files.
