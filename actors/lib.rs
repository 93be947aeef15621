//! The actors of a site, and the one place where they are wired together.
