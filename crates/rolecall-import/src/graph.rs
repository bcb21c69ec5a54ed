//! Cycles and long chains of inheritance, and the edges to cut so that none are left.

use std::collections::HashMap;

/// An edge: `from` has or inherits `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge<'t> {
    pub(crate) from: &'t str,
    pub(crate) to: &'t str,
}

/// The reason to cut an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It closes this cycle, which begins and ends with the same name.
    Cycle(Vec<String>),
    /// It makes a chain longer than allowed.
    TooDeep,
}

/// The most names of a cycle in a message.
const SHOWN: usize = 10;

struct Graph<'t> {
    names: Vec<&'t str>,
    /// The number of the target and of the edge, for each node.
    below: Vec<Vec<(usize, usize)>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    New,
    Open,
    Done,
}

impl<'t> Graph<'t> {
    fn new(edges: &[Edge<'t>]) -> Self {
        let mut graph = Self {
            names: Vec::new(),
            below: Vec::new(),
        };
        let mut numbers: HashMap<&'t str, usize> = HashMap::new();
        for (edge, one) in edges.iter().enumerate() {
            let [from, to] = [one.from, one.to].map(|name| {
                *numbers.entry(name).or_insert_with(|| {
                    graph.names.push(name);
                    graph.below.push(Vec::new());
                    graph.names.len() - 1
                })
            });
            if let Some(below) = graph.below.get_mut(from) {
                below.push((to, edge));
            }
        }
        graph
    }

    fn below(&self, node: usize) -> &[(usize, usize)] {
        self.below.get(node).map_or(&[], Vec::as_slice)
    }

    fn name(&self, node: usize) -> String {
        self.names.get(node).copied().unwrap_or_default().to_owned()
    }

    /// Cuts the edges that close cycles, and returns the nodes, each before all nodes below it. Uses a stack of
    /// its own, since a chain may be as long as the file.
    fn order(&self, cuts: &mut HashMap<usize, Cut>) -> Vec<usize> {
        let mut seen = vec![Seen::New; self.names.len()];
        let mut order = Vec::new();
        for root in 0..self.names.len() {
            if seen.get(root) != Some(&Seen::New) {
                continue;
            }
            let mut stack = vec![(root, 0)];
            set(&mut seen, root, Seen::Open);
            while let Some((node, next)) = stack.pop() {
                let Some(&(to, edge)) = self.below(node).get(next) else {
                    set(&mut seen, node, Seen::Done);
                    order.push(node);
                    continue;
                };
                stack.push((node, next + 1));
                match seen.get(to) {
                    Some(Seen::New) => {
                        set(&mut seen, to, Seen::Open);
                        stack.push((to, 0));
                    }
                    Some(Seen::Open) => {
                        cuts.insert(edge, Cut::Cycle(self.cycle(&stack, to)));
                    }
                    _ => {}
                }
            }
        }
        order.reverse();
        order
    }

    /// Returns the cycle from `start`, which is on the stack, to itself.
    fn cycle(&self, stack: &[(usize, usize)], start: usize) -> Vec<String> {
        let way = stack.iter().skip_while(|(node, _)| *node != start);
        let mut way: Vec<String> = way.map(|(node, _)| self.name(*node)).collect();
        if way.len() > SHOWN {
            way.truncate(SHOWN);
            way.push("..".to_owned());
        }
        way.push(self.name(start));
        way
    }
}

fn set(seen: &mut [Seen], node: usize, to: Seen) {
    if let Some(one) = seen.get_mut(node) {
        *one = to;
    }
}

/// Returns the edges to cut, by their index, so that there is no cycle and no chain of more than `deepest`
/// edges. Takes time linear in the number of edges.
pub(crate) fn cuts(edges: &[Edge<'_>], deepest: Option<usize>) -> HashMap<usize, Cut> {
    let graph = Graph::new(edges);
    let mut cuts = HashMap::new();
    let order = graph.order(&mut cuts);
    let Some(deepest) = deepest else {
        return cuts;
    };
    let mut levels = vec![0; graph.names.len()];
    for node in order {
        let level = levels.get(node).copied().unwrap_or_default() + 1;
        for (to, edge) in graph.below(node) {
            if cuts.contains_key(edge) {
                continue;
            }
            if level > deepest {
                cuts.insert(*edge, Cut::TooDeep);
            } else if let Some(below) = levels.get_mut(*to) {
                *below = level.max(*below);
            }
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges<'t>(pairs: &[(&'t str, &'t str)]) -> Vec<Edge<'t>> {
        let edge = |&(from, to): &(&'t str, &'t str)| Edge { from, to };
        pairs.iter().map(edge).collect()
    }

    #[test]
    fn only_the_edge_that_closes_a_cycle_is_cut() {
        let found = cuts(
            &edges(&[("a", "b"), ("b", "c"), ("c", "a"), ("a", "c")]),
            None,
        );
        let way = ["a", "b", "c", "a"].map(str::to_owned).to_vec();
        assert_eq!(found, HashMap::from([(2, Cut::Cycle(way))]));
        let found = cuts(&edges(&[("a", "a")]), None);
        assert_eq!(found.len(), 1);
        assert!(cuts(&edges(&[("a", "b"), ("a", "b"), ("b", "c")]), None).is_empty());
    }

    #[test]
    fn a_message_names_the_beginning_of_a_long_cycle() {
        for (nodes, shown) in [(9, 9), (10, 10), (11, 10)] {
            let names: Vec<String> = (0..nodes).map(|number| format!("n{number}")).collect();
            let mut round: Vec<_> = names.windows(2).map(|two| (&*two[0], &*two[1])).collect();
            round.push((&names[nodes - 1], &names[0]));
            let mut way = names[..shown].to_vec();
            way.extend((shown < nodes).then(|| "..".to_owned()));
            way.push("n0".to_owned());
            let expected = HashMap::from([(nodes - 1, Cut::Cycle(way))]);
            assert_eq!(cuts(&edges(&round), None), expected);
        }
    }

    #[test]
    fn no_chain_is_longer_than_allowed() {
        let names: Vec<String> = (0..8).map(|number| format!("n{number}")).collect();
        let chain: Vec<_> = names.windows(2).map(|two| (&*two[0], &*two[1])).collect();
        assert!(cuts(&edges(&chain), Some(7)).is_empty());
        let found = cuts(&edges(&chain), Some(3));
        assert_eq!(found, HashMap::from([(3, Cut::TooDeep)]));
    }

    #[test]
    fn a_chain_as_long_as_a_file_does_not_overflow() {
        let names: Vec<String> = (0..200_000).map(|number| number.to_string()).collect();
        let chain: Vec<_> = names.windows(2).map(|two| (&*two[0], &*two[1])).collect();
        let found = cuts(&edges(&chain), Some(10));
        assert!(found.contains_key(&10));
    }
}
