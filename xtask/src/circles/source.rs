//! Reads the modules of a crate: their children, their `use` declarations, what they define and what
//! their code names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::cursor::{Cursor, Names};

/// The index of a module in [`Crate::modules`].
pub(super) type ModuleId = usize;

/// The module tree of a crate, without test-only code.
#[derive(Debug, Default)]
pub(super) struct Crate {
    /// The root module comes first.
    pub(super) modules: Vec<Module>,
}

/// A module, whether it has a file of its own or stands inside one.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) file: PathBuf,
    pub(super) parent: Option<ModuleId>,
    pub(super) children: BTreeMap<String, ModuleId>,
    pub(super) uses: Vec<Use>,
    pub(super) items: BTreeSet<String>,
    /// Paths and names in the code. Names include those of fields and variables.
    pub(super) named: BTreeSet<Names>,
    /// Where the files of its children are.
    folder: PathBuf,
}

/// One path that a `use` declaration brings into scope.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) path: Names,
    /// The name in this module, `*` for all names of the path.
    pub(super) alias: String,
    pub(super) public: bool,
}

impl Crate {
    pub(super) fn load(
        root: &Path,
        read: &dyn Fn(&Path) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let mut reader = Reader {
            of: Self::default(),
            read,
        };
        let folder = root.parent().unwrap_or(root);
        reader.file(root.to_owned(), folder.to_owned(), None)?;
        Ok(reader.of)
    }

    pub(super) fn module(&self, id: ModuleId) -> Option<&Module> {
        self.modules.get(id)
    }
}

struct Reader<'a> {
    of: Crate,
    read: &'a dyn Fn(&Path) -> Option<String>,
}

impl Reader<'_> {
    fn file(
        &mut self,
        file: PathBuf,
        folder: PathBuf,
        parent: Option<ModuleId>,
    ) -> anyhow::Result<ModuleId> {
        let shown = file.display().to_string();
        let text = (self.read)(&file).with_context(|| format!("cannot read `{shown}`"))?;
        let tokens: TokenStream = text
            .parse()
            .map_err(|error| anyhow!("`{shown}` is not Rust: {error}"))?;
        self.module(file, folder, parent, tokens)
    }

    fn module(
        &mut self,
        file: PathBuf,
        folder: PathBuf,
        parent: Option<ModuleId>,
        tokens: TokenStream,
    ) -> anyhow::Result<ModuleId> {
        let id = self.of.modules.len();
        self.of.modules.push(Module {
            file,
            parent,
            folder,
            ..Module::default()
        });
        self.tokens(id, tokens, true)?;
        Ok(id)
    }

    /// Reads a sequence of tokens; `top` if it stands directly in the module, where items are defined.
    fn tokens(&mut self, id: ModuleId, tokens: TokenStream, top: bool) -> anyhow::Result<()> {
        let mut at = Cursor::new(tokens);
        let mut public = false;
        let mut path_attribute = None;
        while let Some(token) = at.next() {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    let inner = at.take_punct('!');
                    let Some(attribute) = at.take_group(Delimiter::Bracket) else {
                        continue;
                    };
                    if is_test_only(&attribute) {
                        if inner {
                            return Ok(());
                        }
                        at.skip_item();
                        continue;
                    }
                    path_attribute = path_in(&attribute).or(path_attribute);
                    self.tokens(id, attribute.stream(), false)?;
                }
                TokenTree::Group(group) => {
                    self.tokens(id, group.stream(), false)?;
                    (public, path_attribute) = (false, None);
                }
                TokenTree::Ident(word) => match word.to_string().as_str() {
                    "pub" => {
                        public = true;
                        at.skip_restriction();
                    }
                    "use" if !at.is_punct('<') => {
                        let mut uses = Vec::new();
                        use_tree(&mut at, &Names::new(), public, &mut uses);
                        self.of_module(id)?.uses.extend(uses);
                        public = false;
                    }
                    "mod" => self.child(id, &mut at, path_attribute.take())?,
                    word => {
                        let path = at.path(word.to_owned());
                        self.named(id, &mut at, path, top)?;
                    }
                },
                TokenTree::Punct(mark) if mark.as_char() == ':' && at.take_punct(':') => {
                    // `::name` after a type, or of another crate
                    if let Some(word) = at.take_word() {
                        at.path(word);
                    }
                }
                // a field or a method; two dots are a range
                TokenTree::Punct(mark) if mark.as_char() == '.' && !at.take_punct('.') => {
                    at.take_word();
                }
                TokenTree::Punct(mark) if mark.as_char() == ';' => public = false,
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        Ok(())
    }

    /// Records a path, and the item that it defines if it is a keyword for one.
    fn named(
        &mut self,
        id: ModuleId,
        at: &mut Cursor,
        path: Names,
        top: bool,
    ) -> anyhow::Result<()> {
        const DEFINING: [&str; 9] = [
            "fn",
            "struct",
            "enum",
            "union",
            "trait",
            "type",
            "const",
            "static",
            "macro_rules",
        ];
        let module = self.of_module(id)?;
        if let [word] = path.as_slice()
            && DEFINING.contains(&word.as_str())
        {
            at.take_punct('!');
            if !at.is_word(&["fn", "unsafe", "async", "extern"])
                && let Some(name) = at.take_word()
                && top
            {
                module.items.insert(name);
            }
        } else {
            module.named.insert(path);
        }
        Ok(())
    }

    /// Reads the module that `mod` declares.
    fn child(
        &mut self,
        id: ModuleId,
        at: &mut Cursor,
        path_attribute: Option<String>,
    ) -> anyhow::Result<()> {
        let Some(name) = at.take_word() else {
            return Ok(());
        };
        let parent = self.of_module(id)?;
        let folder = parent.folder.join(&name);
        let child = if let Some(body) = at.take_group(Delimiter::Brace) {
            let file = parent.file.clone();
            self.module(file, folder, Some(id), body.stream())?
        } else if name == "tests" {
            return Ok(());
        } else if let Some(path) = path_attribute {
            let beside = parent.file.parent().unwrap_or(&parent.folder);
            let file = beside.join(path);
            let folder = file.parent().unwrap_or(&folder).to_owned();
            self.file(file, folder, Some(id))?
        } else {
            let beside = folder.with_extension("rs");
            let file = if (self.read)(&beside).is_some() {
                beside
            } else {
                folder.join("mod.rs")
            };
            self.file(file, folder, Some(id))?
        };
        self.of_module(id)?.children.insert(name, child);
        Ok(())
    }

    fn of_module(&mut self, id: ModuleId) -> anyhow::Result<&mut Module> {
        self.of.modules.get_mut(id).context("no such module")
    }
}

/// Reads what follows `use`, or a part of a group in it, and adds each path to `uses`.
fn use_tree(at: &mut Cursor, prefix: &Names, public: bool, uses: &mut Vec<Use>) {
    let mut path = prefix.clone();
    while let Some(token) = at.next() {
        match token {
            TokenTree::Ident(word) if word == "as" => {
                // `_` brings only the methods of a trait into scope
                if let (Some(alias), Some(used)) = (at.take_word(), uses.last_mut()) {
                    used.alias = alias;
                }
            }
            TokenTree::Ident(word) => {
                let word = word.to_string();
                // `self` in a group is the path before the group
                if word != "self" || path.is_empty() {
                    path.push(word);
                }
                if !at.is_punct(':') {
                    let alias = path.last().cloned().unwrap_or_default();
                    uses.push(Use {
                        path: std::mem::replace(&mut path, prefix.clone()),
                        alias,
                        public,
                    });
                }
            }
            TokenTree::Punct(mark) if mark.as_char() == '*' => uses.push(Use {
                path: std::mem::replace(&mut path, prefix.clone()),
                alias: "*".to_owned(),
                public,
            }),
            TokenTree::Group(group) => {
                use_tree(&mut Cursor::new(group.stream()), &path, public, uses);
                path.clone_from(prefix);
            }
            TokenTree::Punct(mark) if mark.as_char() == ';' => return,
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Returns whether the attribute leaves its item out of every build but that of the tests.
fn is_test_only(attribute: &Group) -> bool {
    let mut at = Cursor::new(attribute.stream());
    if at.take_word().as_deref() != Some("cfg") {
        return false;
    }
    let Some(condition) = at.take_group(Delimiter::Parenthesis) else {
        return false;
    };
    let mut at = Cursor::new(condition.stream());
    let word = at.take_word();
    match word.as_deref() {
        Some("test") => true,
        Some("all") => at
            .take_group(Delimiter::Parenthesis)
            .is_some_and(|all| Cursor::new(all.stream()).any(|token| token.to_string() == "test")),
        _ => false,
    }
}

/// Returns the file that an attribute `path = "file.rs"` names.
fn path_in(attribute: &Group) -> Option<String> {
    let mut at = Cursor::new(attribute.stream());
    (at.take_word()? == "path" && at.take_punct('=')).then_some(())?;
    Some(at.next()?.to_string().trim_matches('"').to_owned())
}
