//! Cycles and long chains of an inheritance: what is cut so that neither is left.

use std::collections::HashMap;

/// That `from` has, or inherits, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge<'t> {
    pub(super) from: &'t str,
    pub(super) to: &'t str,
}

/// Why an edge is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// It closes this cycle, which begins and ends with the same name.
    Cycle(Vec<String>),
    /// It makes a chain of more edges than may follow each other.
    TooDeep,
}

/// How much of a cycle is named.
const SHOWN: usize = 10;

struct Graph<'t> {
    names: Vec<&'t str>,
    /// Number of the target and of the edge, for each node.
    below: Vec<Vec<(usize, usize)>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    New,
    Open,
    Done,
}

impl<'t> Graph<'t> {
    fn of(edges: &[Edge<'t>]) -> Self {
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

    /// The nodes, each before all below it, once the edges that close cycles are cut. On a stack of its own:
    /// a chain may be as long as the file.
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

    /// The way round from `start`, which is open, to itself.
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

/// The edges to take out, by their place in `edges`, so that there is no cycle and no more than `deepest` edges
/// follow each other. Costs as much as there are edges.
pub(super) fn cuts(edges: &[Edge<'_>], deepest: Option<usize>) -> HashMap<usize, Cut> {
    let graph = Graph::of(edges);
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
    fn what_closes_a_cycle_is_cut_and_nothing_else() {
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
    fn of_a_long_cycle_the_beginning_is_told() {
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
    fn no_more_edges_follow_each_other_than_may() {
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
