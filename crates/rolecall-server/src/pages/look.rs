//! The look of the pages: names, pictures, colours, font, templates and languages, read once at the start.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    sync::{Arc, OnceLock},
};

use axum::response::Response;
use minijinja::{Value, context};

use super::{
    assets::{ADMIN_SCRIPT, ADMIN_STYLE, PASSKEYS, SCRIPT, STYLE, SUBMIT},
    brand::{Brand, PageClient},
    fault::{Fault, LookError},
    files::{Content, Files, read_font, read_picture},
    languages::{Language, Languages},
    locales,
    templates::Templates,
    trial,
};
use crate::config::{ClientLook, Color, PageLink, Pages};

const STYLE_SHEET: &str = "style.css";
const LOGO: &str = "logo";

/// The look of the pages.
pub(crate) struct Look {
    brand: Brand,
    /// The looks of single clients, by their ids.
    clients: BTreeMap<String, Brand>,
    /// The links at the foot, as templates have them.
    links: Value,
    script: String,
    passkeys: String,
    submit: String,
    admin_style: String,
    admin_script: String,
    /// The version of the picture beside the title; empty without one.
    favicon: String,
    /// True if the pages load a font, which their policy has to allow.
    pub(super) has_font: bool,
    files: Files,
    pub(super) templates: Arc<Templates>,
    pub(super) languages: Arc<Languages>,
}

impl Look {
    /// Reads what is configured, and tries the templates with sample data in each language.
    ///
    /// # Errors
    ///
    /// All faults that can be found at once.
    pub(crate) fn new(pages: &Pages) -> Result<Self, LookError> {
        let mut faults = Vec::new();
        let languages = read_languages(pages, &mut faults);
        let templates = read_templates(pages, &languages, &mut faults)?;
        let read = Read::new(pages, &mut faults);
        LookError::unless_empty(faults)?;
        let mut files = Files::default();
        let mut add_script = |name, text: &str| {
            let script = Content::text("text/javascript; charset=utf-8", text.to_owned());
            files.add(name, script)
        };
        let script = add_script("form-post.js", SCRIPT);
        let passkeys = add_script("passkeys.js", PASSKEYS);
        let submit = add_script("submit.js", SUBMIT);
        let admin_script = add_script("admin.js", ADMIN_SCRIPT);
        let admin_style = Content::text("text/css; charset=utf-8", ADMIN_STYLE.to_owned());
        let admin_style = files.add("admin.css", admin_style);
        let favicon = files.add_optional("favicon", read.favicon);
        let has_font = read.font.is_some();
        let base = format!("{STYLE}{}", font_face(&mut files, read.font));
        let brand = Brand {
            name: Some(pages.name.clone()),
            logo: files.add_optional(LOGO, read.logo),
            style: files.add(STYLE_SHEET, style(&base, pages.color, pages.color_dark)),
        };
        let clients = client_brands(pages, read.client_logos, &base, &mut files);
        Ok(Self {
            brand,
            clients,
            links: links(&pages.links),
            script,
            passkeys,
            submit,
            admin_style,
            admin_script,
            favicon,
            has_font,
            files,
            templates,
            languages,
        })
    }

    /// Answers a request for a file of the pages; `None` if there is none of this name.
    pub(super) fn file(&self, name: &str, version: &str) -> Option<Response> {
        self.files.answer(name, version)
    }

    /// Returns the name of this server, which may be empty.
    pub(crate) fn name(&self) -> &str {
        self.brand.name.as_deref().unwrap_or_default()
    }

    /// Returns the variables that every page has. `base` is the path of the server.
    pub(super) fn variables(
        &self,
        language: Language,
        base: &str,
        client: Option<&PageClient>,
    ) -> Value {
        let own = client.and_then(|client| Some((client, self.clients.get(&client.id)?)));
        let style = own.map_or(&self.brand.style, |(_, brand)| &brand.style);
        // a client that has only colours is shown under the name of the server
        let own = own.filter(|(_, brand)| brand.has_head());
        let server = self.brand.name.as_deref().unwrap_or_default();
        let name = own.map_or(server, |(client, brand)| {
            brand.name.as_deref().unwrap_or(&client.name)
        });
        context! {
            lang => self.languages.name(language),
            dir => self.languages.direction(language),
            language => language.place(),
            base => base,
            brand => name,
            // whoever looks like a client's page still names the server and the place that the answer goes to
            brand_server => own.map_or("", |_| server),
            brand_host => own.map_or("", |(client, _)| client.host.as_str()),
            logo_version => own.map_or(&self.brand, |(_, brand)| brand).logo.as_str(),
            style_version => style.as_str(),
            script_version => self.script.as_str(),
            passkeys_version => self.passkeys.as_str(),
            submit_version => self.submit.as_str(),
            admin_style_version => self.admin_style.as_str(),
            admin_script_version => self.admin_script.as_str(),
            favicon_version => self.favicon.as_str(),
            links => self.links.clone(),
        }
    }
}

fn links(links: &[PageLink]) -> Value {
    let links = links
        .iter()
        .map(|link| context! { label => link.label.as_str(), url => link.url.as_str() });
    links.collect::<Vec<Value>>().into()
}

/// The files of the operator.
struct Read {
    logo: Option<Content>,
    favicon: Option<Content>,
    font: Option<(Content, bool)>,
    /// In the order of the clients.
    client_logos: Vec<Option<Content>>,
}

impl Read {
    /// Reads the files that can be read.
    fn new(pages: &Pages, faults: &mut Vec<Fault>) -> Self {
        let client_logo = |(id, look): (&String, &ClientLook)| {
            let key = format!("pages.clients.{id}.logo");
            read(&key, look.logo.as_deref(), read_picture, faults)
        };
        let client_logos = pages.clients.iter().map(client_logo).collect();
        Self {
            logo: read("pages.logo", pages.logo.as_deref(), read_picture, faults),
            favicon: read(
                "pages.favicon",
                pages.favicon.as_deref(),
                read_picture,
                faults,
            ),
            font: read("pages.font", pages.font.as_deref(), read_font, faults),
            client_logos,
        }
    }
}

/// Reads a file that is configured; notes why it cannot be read.
fn read<T>(
    key: &str,
    path: Option<&Path>,
    from: fn(&str, &Path) -> Result<T, Fault>,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    from(key, path?).map_err(|fault| faults.push(fault)).ok()
}

/// Reads the operator's texts over the built-in ones.
fn read_languages(pages: &Pages, faults: &mut Vec<Fault>) -> Arc<Languages> {
    let Some(folder) = &pages.locales else {
        return Languages::built_in();
    };
    locales::read(folder).map_or_else(
        |found| {
            faults.extend(found);
            Languages::built_in()
        },
        Arc::new,
    )
}

/// Reads the operator's templates over the built-in ones. Those alone are read once for all nodes of a process.
fn read_templates(
    pages: &Pages,
    languages: &Arc<Languages>,
    faults: &mut Vec<Fault>,
) -> Result<Arc<Templates>, Fault> {
    static BUILT_IN: OnceLock<Arc<Templates>> = OnceLock::new();
    // a test rules it out
    let read = || {
        let templates = Templates::new(languages);
        templates.map_err(|error| Fault::of(trial::KEY, error.to_string()))
    };
    if let Some(folder) = &pages.templates {
        let mut templates = read()?;
        faults.extend(trial::replace(&mut templates, languages, folder));
        return Ok(Arc::new(templates));
    }
    if pages.locales.is_some() {
        return read().map(Arc::new);
    }
    if let Some(known) = BUILT_IN.get() {
        return Ok(Arc::clone(known));
    }
    let templates = Arc::new(read()?);
    Ok(Arc::clone(BUILT_IN.get_or_init(|| templates)))
}

/// Adds the font and returns the rules that load it; none without a font.
fn font_face(files: &mut Files, font: Option<(Content, bool)>) -> String {
    let Some((content, has_weights)) = font else {
        return String::new();
    };
    let version = files.add("font", content);
    let weights = if has_weights {
        " font-weight: 1 1000;"
    } else {
        ""
    };
    format!(
        "@font-face {{ font-family: \"page\"; src: url(\"font?v={version}\") format(\"woff2\");{weights} font-display: swap; }}\n\
        html {{ font-family: \"page\", system-ui, sans-serif; }}\n"
    )
}

/// Adds the pictures and style sheets of single clients, whose colours are those of the server where they have none.
fn client_brands(
    pages: &Pages,
    logos: Vec<Option<Content>>,
    base: &str,
    files: &mut Files,
) -> BTreeMap<String, Brand> {
    let clients = pages.clients.iter().zip(logos);
    let brands = clients.map(|((id, look), logo)| {
        let color = look.color.or(pages.color);
        let dark = look.color_dark.or(pages.color_dark);
        let brand = Brand {
            name: look.name.clone(),
            logo: logo.map_or_else(String::new, |logo| files.add_other(LOGO, logo)),
            style: files.add_other(STYLE_SHEET, style(base, color, dark)),
        };
        (id.clone(), brand)
    });
    brands.collect()
}

/// Returns the style sheet with colours.
fn style(base: &str, color: Option<Color>, dark: Option<Color>) -> Content {
    let mut style = base.to_owned();
    if let Some(color) = color {
        let text = color.text();
        let _ = writeln!(style, ":root {{ --accent: {color}; --on-accent: {text}; }}");
    }
    // without a colour of its own, a dark page keeps the one that is built in
    let own_dark = dark.map(|color| (color.to_string(), color.text().to_string()));
    let built_in = || ("#9db9ff".to_owned(), "#0f1730".to_owned());
    let dark = own_dark.or_else(|| color.map(|_| built_in()));
    if let Some((color, text)) = dark {
        let _ = writeln!(
            style,
            "@media (prefers-color-scheme: dark) {{ :root {{ --accent: {color}; --on-accent: {text}; }} }}"
        );
    }
    Content::text("text/css; charset=utf-8", style)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::pages::{samples, templates::NAMES};

    fn looks(change: impl FnOnce(&mut Pages, &Path)) -> Result<Look, LookError> {
        let folder = tempfile::tempdir().unwrap();
        let mut pages = Pages::default();
        change(&mut pages, folder.path());
        Look::new(&pages)
    }

    fn with_template(name: &str, text: &str) -> Result<Look, LookError> {
        looks(|pages, folder| {
            fs::write(folder.join(name), text).unwrap();
            pages.templates = Some(folder.to_owned());
        })
    }

    #[test]
    fn a_template_is_replaced_and_tried_at_the_start() {
        let page = r#"{% extends "layout.html" %}{% block content %}<p>our own {{ t(heading) }}</p>{% endblock %}"#;
        let look = with_template("message.html", page).unwrap();
        let template = look.templates.get_template("message.html").unwrap();
        let pages = samples::render(&template, "message.html", &look.languages).unwrap();
        assert!(
            pages.iter().all(|html| html.contains("our own")),
            "{pages:?}"
        );
    }

    #[test]
    fn all_faults_of_a_configuration_are_found_at_once() {
        let refused = looks(|pages, folder| {
            fs::write(folder.join("fr.ftl"), "sign-inn = x").unwrap();
            pages.templates = Some(folder.to_owned());
            pages.locales = Some(folder.to_owned());
            pages.logo = Some(folder.join("none.png"));
        });
        let error = refused.err().unwrap();
        let text = error.to_string();
        let lines: Vec<&str> = text.lines().collect();
        let keys = [
            "`pages.locales`: fr.ftl, line 1: ",
            "`pages.templates`: fr.ftl: ",
            "`pages.logo`: ",
        ];
        assert_eq!((lines.len(), error.faults().len()), (3, 3), "{text}");
        for (line, key) in lines.iter().zip(keys) {
            assert!(line.starts_with(key), "{line}");
        }
    }

    #[test]
    fn pictures_and_fonts_are_read_like_the_logo() {
        let refused = looks(|pages, folder| {
            let path = folder.join("x.svg");
            fs::write(&path, "<svg onload=alert(1)>").unwrap();
            let look = ClientLook {
                logo: Some(path.clone()),
                ..ClientLook::default()
            };
            pages.clients.insert("wiki".to_owned(), look);
            (pages.logo, pages.favicon) = (Some(path.clone()), Some(path.clone()));
            pages.font = Some(path);
        });
        let text = refused.err().unwrap().to_string();
        for key in [
            "pages.logo",
            "pages.favicon",
            "pages.font",
            "pages.clients.wiki.logo",
        ] {
            assert!(text.contains(&format!("`{key}`: ")), "{key}: {text}");
        }
        assert_eq!(text.lines().count(), 4);
    }

    /// The text of a style sheet.
    async fn style_of(look: &Look, version: &str) -> String {
        let response = look.file("style.css", version).unwrap();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
        String::from_utf8(body.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn colors_are_added_to_the_style_sheet() {
        let look = looks(|pages, _| pages.color = Some("#7a1fa2".parse().unwrap())).unwrap();
        let text = style_of(&look, "").await;
        assert!(text.contains("--accent: #7a1fa2; --on-accent: #ffffff"));
        // the dark page keeps its own
        assert!(
            text.trim_end()
                .ends_with("--accent: #9db9ff; --on-accent: #0f1730; } }")
        );
        let plain = looks(|_, _| ()).unwrap();
        assert_eq!(style_of(&plain, "").await, STYLE);
    }

    #[tokio::test]
    async fn a_font_is_loaded_from_this_server_and_only_where_one_is_set() {
        let with_font = |tables: &[&[u8]]| {
            looks(|pages, folder| {
                let path = folder.join("font.woff2");
                fs::write(&path, crate::pages::font::tests::font(tables)).unwrap();
                pages.font = Some(path);
            })
        };
        let look = with_font(&[&[5, 8]]).unwrap();
        let text = style_of(&look, "").await;
        assert!(
            look.has_font && text.contains("src: url(\"font?v="),
            "{text}"
        );
        assert!(!text.contains("font-weight: 1 1000"), "{text}");
        let version = text
            .split("font?v=")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let font = look.file("font", version).unwrap();
        assert_eq!(font.headers()["content-type"], "font/woff2");
        let text = style_of(&with_font(&[&[47, 8]]).unwrap(), "").await;
        assert!(text.contains("font-weight: 1 1000"), "{text}");
        let plain = looks(|_, _| ()).unwrap();
        assert!(!plain.has_font && plain.file("font", version).is_none());
    }

    /// A page for one client of a server that has a look for another one.
    fn page(look: &Look, id: &str) -> String {
        let client = PageClient {
            id: id.to_owned(),
            name: "Registered".to_owned(),
            host: "wiki.example".to_owned(),
        };
        let variables = look.variables(Language::default(), "", Some(&client));
        let values = context! {
            client => "Registered", host => "wiki.example", is_shared => false, flow => "x", username => "alice",
            resource => "", tenant => "", scopes => Vec::<Value>::new(), lasts => "",
        };
        let template = look.templates.get_template("consent.html").unwrap();
        template.render(context! { ..values, ..variables }).unwrap()
    }

    fn with_client(own: ClientLook) -> Look {
        let look = looks(|pages, _| {
            pages.name = "Example Ltd".to_owned();
            pages.clients.insert("wiki".to_owned(), own);
        });
        look.unwrap()
    }

    #[test]
    fn i130_the_look_of_a_client_does_not_hide_who_asks_and_who_answers() {
        let name = Some("Your Bank <b>".to_owned());
        let look = with_client(ClientLook {
            name,
            ..ClientLook::default()
        });
        let html = page(&look, "wiki");
        for shown in [
            "<p class=\"brand\">Your Bank &lt;b&gt;</p>",
            "Allow Registered?",
            "Registered at wiki.example asks",
            "Sign-in by Example Ltd for the application at wiki.example",
        ] {
            assert!(html.contains(shown), "{shown}: {html}");
        }
        // another client has nothing of it
        let html = page(&look, "other");
        assert!(
            html.contains("<p class=\"brand\">Example Ltd</p>"),
            "{html}"
        );
        assert!(
            !html.contains("Your Bank") && !html.contains("Sign-in by"),
            "{html}"
        );
    }

    #[test]
    fn a_client_with_a_picture_alone_has_its_registered_name() {
        let folder = tempfile::tempdir().unwrap();
        let logo = folder.path().join("logo.png");
        fs::write(&logo, b"\x89PNG\r\n\x1a\nrest").unwrap();
        let look = with_client(ClientLook {
            logo: Some(logo),
            ..ClientLook::default()
        });
        let html = page(&look, "wiki");
        assert!(html.contains("class=\"logo\"> Registered</p>"), "{html}");
        assert!(!page(&look, "other").contains("class=\"logo\""));
        // and a server without a picture has none
        assert!(look.file("logo", "").is_none());
    }

    #[tokio::test]
    async fn a_client_with_colours_alone_keeps_the_name_of_the_server() {
        let color = Some("#7a1fa2".parse().unwrap());
        let look = with_client(ClientLook {
            color,
            ..ClientLook::default()
        });
        let html = page(&look, "wiki");
        assert!(
            html.contains("<p class=\"brand\">Example Ltd</p>"),
            "{html}"
        );
        let version = html
            .split("style.css?v=")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        assert!(style_of(&look, version).await.contains("--accent: #7a1fa2"));
        assert_eq!(style_of(&look, "").await, STYLE);
        assert!(!page(&look, "other").contains(version));
    }

    #[test]
    fn links_and_a_picture_for_the_title_are_on_each_page() {
        let folder = tempfile::tempdir().unwrap();
        let picture = folder.path().join("icon.png");
        fs::write(&picture, b"\x89PNG\r\n\x1a\nrest").unwrap();
        let look = looks(|pages, _| {
            pages.favicon = Some(picture);
            pages.links = vec![PageLink {
                label: "Privacy & more".to_owned(),
                url: "https://www.example.com/p?a=1&b=2".to_owned(),
            }];
        });
        let look = look.unwrap();
        // a mail loads nothing
        for name in NAMES.into_iter().filter(|name| !name.starts_with("mail.")) {
            let template = look.templates.get_template(name).unwrap();
            let variables = look.variables(Language::default(), "/auth", None);
            for values in samples::samples(name) {
                let html = template
                    .render(context! { ..values, ..variables.clone() })
                    .unwrap();
                let html = html.replace("&#x2f;", "/");
                let link =
                    "<a href=\"https://www.example.com/p?a=1&amp;b=2\">Privacy &amp; more</a>";
                assert!(html.contains(link), "{name}: {html}");
                assert!(
                    html.contains("<link rel=\"icon\" href=\"/auth/pages/favicon?v="),
                    "{name}: {html}"
                );
            }
        }
        let plain = looks(|_, _| ()).unwrap();
        let html = page(&plain, "wiki");
        assert!(
            !html.contains("<footer") && !html.contains("rel=\"icon\""),
            "{html}"
        );
    }

    #[test]
    fn the_samples_have_every_variable_of_a_page() {
        let look = looks(|_, _| ()).unwrap();
        let given = look.variables(Language::default(), "", None);
        let given = given.try_iter().unwrap().map(|name| name.to_string());
        let given: std::collections::BTreeSet<String> = given.collect();
        assert_eq!(given, samples::variables("layout.html", &look.languages));
    }
}
