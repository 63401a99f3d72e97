//! Identifiers with a check digit or a fixed form, refused when they do not hold.
