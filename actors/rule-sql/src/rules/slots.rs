//! Things by number, where the numbers of what is gone are used again.

#[derive(Debug, Clone)]
pub(super) struct Slots<T> {
    items: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { items: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    pub(super) fn insert(&mut self, item: T) -> usize {
        let Some(number) = self.free.pop() else {
            self.items.push(Some(item));
            return self.items.len() - 1;
        };
        if let Some(slot) = self.items.get_mut(number) {
            *slot = Some(item);
        }
        number
    }

    pub(super) fn get(&self, number: usize) -> Option<&T> {
        self.items.get(number)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        self.items.get_mut(number)?.as_mut()
    }

    pub(super) fn remove(&mut self, number: usize) -> Option<T> {
        let item = self.items.get_mut(number)?.take();
        self.free.extend(item.is_some().then_some(number));
        item
    }

    pub(super) fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }
}
