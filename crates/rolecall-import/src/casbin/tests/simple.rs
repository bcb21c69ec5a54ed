use std::collections::BTreeSet;

/// A simple interpreter of policies.
pub(super) struct Simple {
    pub(super) rules: Vec<Vec<String>>,
    pub(super) by_domain: bool,
    pub(super) resources: bool,
    pub(super) roles: bool,
}

impl Simple {
    pub(super) fn new(model: &str, policy: &str) -> Self {
        let words = |line: &str| line.split(',').map(|word| word.trim().to_owned()).collect();
        Self {
            rules: policy
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(words)
                .collect(),
            by_domain: model.contains("r.dom"),
            resources: model.contains("g2"),
            roles: model.contains("g(r.sub"),
        }
    }

    /// Checks for a chain of at most `steps` links of `key`.
    pub(super) fn linked(
        &self,
        key: &str,
        from: &str,
        to: &str,
        domain: &str,
        steps: usize,
    ) -> bool {
        from == to
            || (steps > 0
                && self.rules.iter().any(|rule| {
                    rule[0] == key
                        && rule[1] == from
                        && (rule.len() == 3 || rule[3] == domain)
                        && self.linked(key, &rule[2], to, domain, steps - 1)
                }))
    }

    pub(super) fn allows(
        &self,
        subject: &str,
        domain: &str,
        object: &str,
        operation: &str,
    ) -> bool {
        self.rules.iter().filter(|rule| rule[0] == "p").any(|rule| {
            let (of, rest) = if self.by_domain {
                (rule[2].as_str(), &rule[3..])
            } else {
                ("", &rule[2..])
            };
            let is_subject = if self.roles {
                self.linked("g", subject, &rule[1], domain, 10)
            } else {
                subject == rule[1]
            };
            let is_object = if self.resources {
                self.linked("g2", object, &rest[0], domain, 10)
            } else {
                object == rest[0]
            };
            of == domain && is_subject && is_object && rest[1] == operation
        })
    }

    /// Returns all values at these places of rules of these kinds.
    pub(super) fn all(&self, places: &[(&'static str, usize)]) -> BTreeSet<String> {
        let of = |(key, place): (&'static str, usize)| {
            let rules = self.rules.iter().filter(move |rule| rule[0] == key);
            rules.filter_map(move |rule| rule.get(place).cloned())
        };
        places.iter().copied().flat_map(of).collect()
    }

    pub(super) fn domains(&self) -> BTreeSet<String> {
        if self.by_domain {
            self.all(&[("p", 2), ("g", 3)])
        } else {
            BTreeSet::from([String::new()])
        }
    }

    /// Returns the objects of all rules, without those that are only linked to themselves.
    pub(super) fn objects(&self) -> BTreeSet<String> {
        let mut all = self.all(&[("p", 2 + usize::from(self.by_domain))]);
        let is_group =
            |rule: &&Vec<String>| self.resources && rule[0] == "g2" && rule[1] != rule[2];
        all.extend(
            self.rules
                .iter()
                .filter(is_group)
                .flat_map(|rule| rule[1..3].to_vec()),
        );
        all
    }

    pub(super) fn questions(&self) -> Vec<[String; 4]> {
        let shift = usize::from(self.by_domain);
        let roles = self.all(&[("g", 2)]);
        let mut found = Vec::new();
        for user in self.all(&[("p", 1), ("g", 1)]).difference(&roles) {
            for domain in self.domains() {
                for object in self.objects() {
                    for operation in self.all(&[("p", 3 + shift)]) {
                        found.push([user.clone(), domain.clone(), object.clone(), operation]);
                    }
                }
            }
        }
        found
    }
}
