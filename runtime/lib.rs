//! The runtime of a site.
