//! Puts lists in order. The standard library's sort would bring 4 kB of machinery for each kind of list.

use std::cmp::Ordering;

/// The list in this order; what is equal stays as it was.
pub fn sorted<T>(list: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let places =
        places(list.len(), &|a, b| list.get(a).zip(list.get(b)).map_or(Ordering::Equal, |(a, b)| compare(a, b)));
    let mut held: Vec<Option<T>> = list.into_iter().map(Some).collect();
    places.into_iter().filter_map(|at| held.get_mut(at)?.take()).collect()
}

/// Each is put in its place among those before it: lists here are short, and places are quickly moved.
fn places(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places = Vec::with_capacity(count);
    for at in 0..count {
        let place = places.partition_point(|before| compare(*before, at) != Ordering::Greater);
        places.insert(place, at);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_put_in_order_and_equals_stay() {
        let list = vec![(2, "b"), (1, "c"), (2, "a"), (0, "d")];
        assert_eq!(sorted(list, |a, b| a.0.cmp(&b.0)), [(0, "d"), (1, "c"), (2, "b"), (2, "a")]);
    }
}
