//! Routes of one version, which know their paths: whether a path exists must be known without calling it.

use axum::{Router, routing::MethodRouter};

/// Routes whose paths are remembered.
#[derive(Debug, Clone)]
pub struct Routes<S = ()> {
    router: Router<S>,
    paths: Vec<String>,
    matcher: matchit::Router<()>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes.
    pub fn new() -> Self {
        Self { router: Router::new(), paths: Vec::new(), matcher: matchit::Router::new() }
    }

    /// Adds a route below the API's root: `/cameras/{id}`.
    ///
    /// # Panics
    /// As axum's router: when the path is malformed, or another route has the same. That is a mistake in the code, and shows at start.
    #[must_use]
    pub fn route(mut self, path: &str, handlers: MethodRouter<S>) -> Self {
        self.router = self.router.route(path, handlers);
        self.know(path);
        self
    }

    /// Adds all routes of another.
    ///
    /// # Panics
    /// As [`Self::route`].
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        other.paths.iter().for_each(|path| self.know(path));
        self
    }

    fn know(&mut self, path: &str) {
        // Axum has just refused what is malformed; a second method of a path that is there changes nothing.
        if self.matcher.insert(path, ()).is_ok() {
            self.paths.push(path.to_owned());
        }
    }

    /// Gives the handlers their state.
    pub fn with_state<S2>(self, state: S) -> Routes<S2> {
        Routes { router: self.router.with_state(state), paths: self.paths, matcher: self.matcher }
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.matcher.at(path).is_ok()
    }

    pub(crate) fn router(&self) -> &Router<S> {
        &self.router
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}
