//! Links: the address of a page with its query, and how a list is sorted and continued.

use super::{super::submitted::Submitted, views::Column};

/// The page of the versions of the policy, to which changes of it lead back.
pub(super) const HISTORY: &str = "/admin/policy/history";

/// Returns `path` with a query of the members that are not empty.
pub(crate) fn link(path: &str, members: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in members.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// Returns the address of what is below `path` and has this id.
pub(crate) fn below(path: &str, id: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    // in a path, a plus sign stands for itself
    format!("{path}/{}", id.replace('+', "%20"))
}

/// Returns the limit of a query for `shown` rows: one more, which says whether there is a next page.
pub(super) fn one_more(shown: usize) -> i64 {
    i64::try_from(shown + 1).unwrap_or(i64::MAX)
}

/// Leaves `shown` rows, and returns the last of them if more were found.
pub(super) fn cut<T>(found: &mut Vec<T>, shown: usize) -> Option<&T> {
    let has_more = found.len() > shown;
    found.truncate(shown);
    found.last().filter(|_| has_more)
}

/// A list as its address describes it: its filters, its order and the place from which it is shown.
pub(crate) struct Listing<'q> {
    path: &'q str,
    query: &'q Submitted,
    filters: &'q [&'q str],
    pub(crate) sort: &'q str,
    pub(crate) is_descending: bool,
    pub(crate) after: &'q str,
}

impl<'q> Listing<'q> {
    /// Reads the query of a list. It is sorted by one of the columns in `sortable`, the first of which is the default.
    pub(crate) fn read(
        path: &'q str,
        query: &'q Submitted,
        filters: &'q [&'q str],
        sortable: &[&'q str],
    ) -> Self {
        let wanted = query.get("sort");
        let (wanted, is_descending) = match wanted.strip_prefix('-') {
            Some(wanted) => (wanted, true),
            None => (wanted, false),
        };
        let known = sortable.iter().find(|one| **one == wanted);
        Self {
            path,
            query,
            filters,
            sort: known.or(sortable.first()).copied().unwrap_or_default(),
            is_descending: is_descending && known.is_some(),
            after: query.get("after"),
        }
    }

    /// Reads the query of a list that has one order and no filters.
    pub(crate) fn unsorted(path: &'q str, query: &'q Submitted) -> Self {
        Self::read(path, query, &[], &[])
    }

    /// Returns the value of a filter.
    pub(crate) fn filter(&self, name: &str) -> &'q str {
        self.query.get(name)
    }

    fn address(&self, sort: &str, after: &str) -> String {
        let filters = self
            .filters
            .iter()
            .map(|name| (*name, self.query.get(name)));
        let members: Vec<(&str, &str)> =
            filters.chain([("sort", sort), ("after", after)]).collect();
        link(self.path, &members)
    }

    fn sorted(&self) -> String {
        let sign = if self.is_descending { "-" } else { "" };
        format!("{sign}{}", self.sort)
    }

    /// Returns the address of the list from its beginning; empty where it is shown from there.
    pub(crate) fn first(&self) -> String {
        if self.after.is_empty() {
            return String::new();
        }
        self.address(&self.sorted(), "")
    }

    /// Returns the address of what follows `after`; empty if nothing does.
    pub(crate) fn next(&self, after: Option<&str>) -> String {
        after.map_or_else(String::new, |after| self.address(&self.sorted(), after))
    }

    /// Returns the heads of columns: the keys of their texts, and what they are sorted by if they can be.
    pub(crate) fn columns(&self, columns: &[(&'static str, &str)]) -> Vec<Column> {
        let head = |(key, by): &(&'static str, &str)| {
            let is_sorted = !by.is_empty() && *by == self.sort;
            let order = match (is_sorted, self.is_descending) {
                (false, _) => "",
                (true, false) => "ascending",
                (true, true) => "descending",
            };
            let turned = if order == "ascending" {
                format!("-{by}")
            } else {
                (*by).to_owned()
            };
            let href = if by.is_empty() {
                String::new()
            } else {
                self.address(&turned, "")
            };
            Column { key, href, order }
        };
        columns.iter().map(head).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_encodes_what_it_holds_and_leaves_out_what_is_empty() {
        assert_eq!(
            link("/admin/users", &[("q", ""), ("status", "")]),
            "/admin/users"
        );
        let hostile = link("/admin/users", &[("q", "a&b=c\"<>#")]);
        assert_eq!(hostile, "/admin/users?q=a%26b%3Dc%22%3C%3E%23");
    }

    #[test]
    fn an_id_stays_one_segment_of_a_path() {
        assert_eq!(below("/admin/users", "a.b_c-1"), "/admin/users/a.b_c-1");
        let hostile = below("/admin/users", "a/b c?d#e+f\"");
        assert_eq!(hostile, "/admin/users/a%2Fb%20c%3Fd%23e%2Bf%22");
    }

    #[test]
    fn the_address_of_a_list_keeps_its_filters_and_turns_its_order() {
        let query = Submitted::parse(b"q=ann&sort=-created&after=x&other=1");
        let list = Listing::read("/l", &query, &["q"], &["name", "created"]);
        assert_eq!((list.sort, list.is_descending), ("created", true));
        let columns = list.columns(&[("a", "name"), ("b", "created"), ("c", "")]);
        let hrefs: Vec<&str> = columns.iter().map(|one| one.href.as_str()).collect();
        assert_eq!(hrefs, ["/l?q=ann&sort=name", "/l?q=ann&sort=created", ""]);
        let orders: Vec<&str> = columns.iter().map(|one| one.order).collect();
        assert_eq!(orders, ["", "descending", ""]);
        assert_eq!(list.first(), "/l?q=ann&sort=-created");
        assert_eq!(list.next(Some("y")), "/l?q=ann&sort=-created&after=y");
        assert_eq!(list.next(None), "");
    }

    #[test]
    fn a_list_with_one_order_is_continued_by_its_place_alone() {
        let query = Submitted::parse(b"after=x&sort=name&q=ann");
        let list = Listing::unsorted("/l", &query);
        assert_eq!(list.after, "x");
        assert_eq!(list.first(), "/l");
        assert_eq!(list.next(Some("a b")), "/l?after=a+b");
        assert_eq!(list.next(None), "");
        let first = Submitted::parse(b"");
        assert_eq!(Listing::unsorted("/l", &first).first(), "");
    }

    #[test]
    fn an_order_that_does_not_exist_is_the_usual_one() {
        let query = Submitted::parse(b"sort=-password_hash");
        let list = Listing::read("/l", &query, &[], &["name"]);
        assert_eq!((list.sort, list.is_descending), ("name", false));
    }
}
