//! The operator's templates, tried with sample data before anybody sees them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use minijinja::{Error, ErrorKind};

use super::{
    fault::{Fault, suggestion},
    folder, forms,
    languages::Languages,
    markup, samples,
    templates::{MOST_WORK, NAMES, Templates, is_text},
};

/// The setting.
pub(super) const KEY: &str = "pages.templates";

/// The most characters of what is said about a fault.
const MAX_FAULT: usize = 400;

/// Names that templates have without being given a value.
const BUILT_IN: [&str; 4] = ["super", "loop", "caller", "varargs"];

/// Replaces the templates that are in a folder, and returns what is wrong with them.
pub(super) fn replace(
    templates: &mut Templates,
    languages: &Languages,
    folder: &Path,
) -> Vec<Fault> {
    let files = match folder::read(KEY, folder) {
        Ok(files) => files,
        Err(faults) => return faults,
    };
    let built_in = NAMES.map(|name| {
        let template = templates.get_template(name);
        let pages = template.and_then(|template| samples::render(&template, name, languages));
        (name, pages.unwrap_or_default())
    });
    let (mut own, mut faults) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let Some(known) = NAMES.into_iter().find(|known| *known == name) else {
            let names = NAMES.join(", ");
            let why = format!("replaces no template; those that can be replaced are {names}");
            faults.push(Fault::of(KEY, why).at(&name, None));
            continue;
        };
        match templates.replace(known, text) {
            Ok(()) => own.push(known),
            Err(error) => faults.push(fault(templates, known, &error)),
        }
    }
    for name in own {
        faults.extend(unknown_variables(templates, languages, name));
    }
    for fault in failing(templates, languages, &BTreeMap::from(built_in)) {
        // an unknown variable fails too
        let is_known = |one: &Fault| (&one.file, one.line) == (&fault.file, fault.line);
        if !faults.iter().any(is_known) {
            faults.push(fault);
        }
    }
    faults
}

/// Returns the variables of a template that no page gives it, also those that the samples do not reach.
fn unknown_variables(templates: &Templates, languages: &Languages, name: &str) -> Vec<Fault> {
    let Ok(template) = templates.get_template(name) else {
        return Vec::new();
    };
    let functions: BTreeSet<&str> = templates.functions().collect();
    let known = samples::variables(name, languages);
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    let unknown = used.into_iter().filter(|one| {
        let one = one.as_str();
        !known.contains(one) && !functions.contains(one) && !BUILT_IN.contains(&one)
    });
    let faults = unknown.map(|variable| {
        let hint = suggestion(&variable, known.iter().map(String::as_str));
        let why = if hint.is_empty() {
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            format!(
                "there is no variable `{variable}`; there are {}",
                names.join(", ")
            )
        } else {
            format!("there is no variable `{variable}`{hint}")
        };
        Fault::of(KEY, why).at(name, line_of(template.source(), &variable))
    });
    faults.collect()
}

/// Returns the line on which a name first stands.
fn line_of(source: &str, name: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let has_name = |line: &str| line.split(|c| !is_part(c)).any(|word| word == name);
    source.lines().position(has_name).map(|place| place + 1)
}

/// Writes each page with each sample, and returns the first fault of each. `built_in` are the pages of the built-in
/// templates.
fn failing(
    templates: &Templates,
    languages: &Languages,
    built_in: &BTreeMap<&str, Vec<String>>,
) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    // the frame comes first: a fault of it is one of every page
    for name in NAMES {
        let tried = templates
            .get_template(name)
            .and_then(|template| samples::render(&template, name, languages));
        let found = match tried {
            Ok(pages) => {
                let needed = built_in.get(name).map_or(&[][..], Vec::as_slice);
                let count = languages.all().count();
                let lacking = samples::lacking_in_mails(name, &pages, count);
                let lacking = lacking.map(|why| Fault::of(KEY, why).at(name, None));
                lacking.or_else(|| written_wrong(name, &pages, needed))
            }
            Err(error) => Some(fault(templates, name, &error)),
        };
        let is_new = |fault: &Fault| !faults.iter().any(|one| one.text == fault.text);
        faults.extend(found.filter(is_new));
    }
    faults
}

/// Returns a fault of pages that can be written.
fn written_wrong(name: &str, pages: &[String], built_in: &[String]) -> Option<Fault> {
    if is_text(name) {
        // no tag of a plain text does anything
        return None;
    }
    let markup = pages
        .iter()
        .flat_map(|html| markup::faults(html, samples::BASE));
    let lacks_host =
        name == "consent.html" && !pages.iter().all(|html| html.contains(samples::HOST));
    let host = "the page does not show `host`: a name can be chosen freely, and people have to see where the application is";
    let host = lacks_host.then(|| host.to_owned());
    let lacks_tenant =
        name == "consent.html" && !pages.iter().any(|html| html.contains(samples::TENANT));
    let tenant = "the page does not show `tenant`: people have to see what they allow";
    let tenant = lacks_tenant.then(|| tenant.to_owned());
    let forms = pages.iter().zip(built_in);
    let forms = forms.filter_map(|(own, built_in)| forms::lacking(own, built_in, samples::BASE));
    let why = markup.chain(host).chain(tenant).chain(forms).next()?;
    Some(Fault::of(KEY, why).at(name, None))
}

/// Describes an error of a template.
fn fault(templates: &Templates, name: &str, error: &Error) -> Fault {
    let file = error.name().unwrap_or(name);
    let mut text = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    if error.kind() == ErrorKind::UndefinedError && error.detail().is_none() {
        // the error does not say what is undefined
        let template = templates.get_template(file);
        let line = template.as_ref().ok().and_then(|template| {
            let place = error.line()?.checked_sub(1)?;
            template.source().lines().nth(place)
        });
        let line: String = line.unwrap_or_default().trim().chars().take(120).collect();
        text = format!("a value is missing that this line uses: {line}");
    }
    // what includes what can be hundreds of causes, of which the first one to happen says what is wrong
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let cause = causes.last();
    let first = cause.and_then(|cause| cause.downcast_ref::<Error>());
    if first.unwrap_or(error).kind() == ErrorKind::OutOfFuel {
        text = format!(
            "the page takes too long or grows too large: it may take {MOST_WORK} steps and bytes"
        );
    } else if let Some(cause) = cause {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    let text = text.chars().take(MAX_FAULT).collect::<String>();
    Fault::of(KEY, text).at(file, error.line())
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use super::*;
    use crate::pages::templates::TEMPLATES;

    fn faults_of(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let languages = Arc::new(Languages::new(Vec::new()));
        let mut templates = Templates::new(&languages).unwrap();
        let faults = replace(&mut templates, &languages, folder.path());
        faults.iter().map(Fault::to_string).collect()
    }

    #[test]
    fn the_built_in_templates_have_no_fault_as_ones_own() {
        assert_eq!(faults_of(&TEMPLATES), Vec::<String>::new());
    }

    #[test]
    fn macros_loops_and_own_variables_are_known() {
        let page = "{% extends \"layout.html\" %}{% macro row(x, y=1) %}{{ x }}{{ y }}{% endmacro %}\
            {% block content %}{{ super() }}{{ row(heading) }}{% set mine = text %}{{ mine }}\
            {% for n in range(3) %}{{ loop.index }}{{ n }}{% endfor %}{{ dict(a=1).a }}{% endblock %}";
        assert_eq!(faults_of(&[("message.html", page)]), Vec::<String>::new());
    }

    /// A file, its text, and a part of what is said about it.
    const FAULTS: &[(&str, &str, &str)] = &[
        ("message.html", "x\n{{ heading", "message.html, line 2: "),
        (
            "message.html",
            "x\n\n{{ headin }}",
            "message.html, line 3: there is no variable `headin`; did you mean `heading`?",
        ),
        (
            "message.html",
            "{{ heading }}\n{{ no_such_thing }}",
            "line 2: there is no variable `no_such_thing`; there are admin_script_version, admin_style_version, again, base, brand, ",
        ),
        // no sample reaches it
        (
            "message.html",
            "{% if heading == \"x\" %}\n{{ client_name }}{% endif %}",
            "line 2: there is no variable `client_name`",
        ),
        // other pages have it
        (
            "layout.html",
            "\n{{ flow }}{% block content %}{% endblock %}",
            "layout.html, line 2: there is no variable `flow`",
        ),
        (
            "account.html",
            "{% for one in sessions %}\n{{ one.nane }}{% endfor %}",
            "line 2: a value is missing that this line uses: {{ one.nane }}",
        ),
        (
            "message.html",
            "\n{{ t(\"no-such-text\") }}",
            "line 2: there is no text `no-such-text`",
        ),
        (
            "message.html",
            "\n{{ t(\"sign-inn\") }}",
            "there is no text `sign-inn`; did you mean `sign-in`?",
        ),
        (
            "message.html",
            "\n{{ t(\"continue-as\") }}",
            "line 2: the text `continue-as` cannot be written",
        ),
        (
            "sign_in.html",
            "{% if error %}{{ t(error) }}{% endif %}",
            "line 1: the text `too-many` cannot be written",
        ),
        (
            "message.html",
            "{{ heading|nofilter }}",
            "line 1: filter nofilter is unknown",
        ),
        ("message.html", "{% extends \"frame.html\" %}", "frame.html"),
        (
            "layout.html",
            "<body onload=\"x\">{% block content %}{% endblock %}",
            "layout.html: `onload` in `<body>` is neither run",
        ),
        (
            "logout.html",
            "<input value={{ username }}>",
            "logout.html: a value in `<input>` stands outside",
        ),
        (
            "logout.html",
            "{% set lt %}<{% endset %}{{ username|e|replace(\"&lt;\", lt) }}",
            "logout.html: a value in `<probe",
        ),
        (
            "logout.html",
            "{{ username|safe }}",
            "filter safe is unknown",
        ),
        (
            "consent.html",
            "{{ client }}",
            "consent.html: the page does not show `host`",
        ),
        (
            "consent.html",
            "{{ host }}",
            "consent.html: the page does not show `tenant`",
        ),
        (
            "messages.html",
            "x",
            "messages.html: replaces no template; those that can be",
        ),
    ];

    #[test]
    fn a_fault_names_file_line_and_what_is_wrong() {
        for &(file, text, wanted) in FAULTS {
            let faults = faults_of(&[(file, text)]);
            let fault = faults.first().map_or("nothing", String::as_str);
            assert!(
                fault.starts_with("`pages.templates`: ") && fault.contains(wanted),
                "{text}: {fault}"
            );
            assert_eq!(faults.len(), 1, "{faults:?}");
        }
    }

    #[test]
    fn y374_a_template_that_does_not_end_or_grows_is_a_fault() {
        let doubling = format!("{{% set x = \"x\" %}}{}", "{% set x = x ~ x %}".repeat(60));
        for template in [
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
            "{% for a in range(100000) %}{% for b in range(100) %}{{ a }}{% endfor %}{% endfor %}",
            "{% for a in range(100000) %}{{ \"x\" * 1000 }}{% endfor %}",
            &doubling,
        ] {
            let faults = faults_of(&[("message.html", template)]);
            assert_eq!(faults.len(), 1, "{template}: {faults:?}");
            let wanted = "message.html, line 1: the page takes too long or grows too large";
            assert!(faults[0].contains(wanted), "{template}: {faults:?}");
        }
        // in the frame, each page would say it
        let frame = "{% for a in range(100000) %}{% for b in range(9999) %}{% endfor %}{% endfor %}\
            {% block content %}{% endblock %}";
        assert_eq!(faults_of(&[("layout.html", frame)]).len(), 1);
        for endless in [
            "{% include \"message.html\" %}",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "{% extends \"message.html\" %}",
        ] {
            let faults = faults_of(&[("message.html", endless)]);
            assert_eq!(faults.len(), 1, "{endless}: {faults:?}");
            assert!(faults[0].chars().count() < 600, "{endless}: {faults:?}");
        }
    }

    #[test]
    fn y374_the_built_in_pages_take_little() {
        let languages = Arc::new(Languages::new(Vec::new()));
        let mut templates = Templates::new(&languages).unwrap();
        templates.set_fuel(MOST_WORK / 100);
        assert_eq!(failing(&templates, &languages, &BTreeMap::new()), []);
    }

    #[test]
    fn i130_a_template_cannot_leave_a_value_as_it_is() {
        for template in [
            "{{ username }}",
            "{% autoescape false %}{{ username }}{% endautoescape %}",
            "{% autoescape false %}{% set x %}{{ username }}{% endset %}{{ x }}{% endautoescape %}{{ x }}",
            "{% autoescape false %}{% macro m(x) %}{{ x }}{% endmacro %}{{ m(username) }}{% endautoescape %}",
            "{% filter lower %}{{ username }}{% endfilter %}",
            "{{ username|e|replace(\"&lt;\", \"<\") }}",
            "{{ [\"x\"|e, username]|join }}",
            "{{ (\"x\"|e) ~ username }}",
            "{{ t(\"continue-as\", name=username) }}",
            "{% autoescape false %}{{ t(\"continue-as\", name=username) }}{% endautoescape %}",
        ] {
            let languages = Arc::new(Languages::new(Vec::new()));
            let mut templates = Templates::new(&languages).unwrap();
            templates
                .replace("logout.html", template.to_owned())
                .unwrap();
            let page = templates.get_template("logout.html").unwrap();
            let values =
                minijinja::context! { username => "<script>alert(1)</script>", language => 0 };
            let html = page.render(values).unwrap();
            assert!(
                html.contains("script") && !html.contains("<script"),
                "{template}: {html}"
            );
        }
    }

    #[test]
    fn y388_a_page_without_what_people_send_with_it_is_refused() {
        for (name, wanted) in [
            (
                "sign_in.html",
                "a form with `method=\"post\"`, `action=\"{{ base }}/login\"` and the fields `flow`, `password`, `username`",
            ),
            (
                "change.html",
                "`action=\"{{ base }}/login/password\"` and the fields `again`, `code`, `current`, `flow`, `new`, `username`",
            ),
            (
                "choose.html",
                "`action=\"{{ base }}/login/choice\"` and the fields `flow`, `role`",
            ),
            (
                "form_post.html",
                "`action=\"https://wiki.example/cb\"` and the fields",
            ),
            ("logout.html", "`action=\"{{ base }}/logout\"`"),
            ("account.html", "`action=\"{{ base }}/account/"),
        ] {
            let faults = faults_of(&[(name, "<p>hi</p>")]);
            assert!(
                matches!(&faults[..], [one] if one.contains(name) && one.contains(wanted)),
                "{name}: {faults:?}"
            );
        }
        let consent = faults_of(&[("consent.html", "<p>{{ host }} {{ tenant }}</p>")]);
        let wanted = "the fields `decision=allow`, `decision=deny`, `flow`";
        assert!(consent[0].contains(wanted), "{consent:?}");
        // the frame has no place for them
        let frame = faults_of(&[("layout.html", "<p>{{ brand }}</p>")]);
        assert!(frame[0].contains("sign_in.html"), "{frame:?}");
    }

    #[test]
    fn y456_a_mail_without_its_link_or_code_is_refused() {
        let text = |name| TEMPLATES.iter().find(|one| one.0 == name).unwrap().1;
        for name in ["mail.txt", "mail.html"] {
            let own = text(name).replace("{{ link }}", "");
            let faults = faults_of(&[(name, &own)]);
            let wanted = "one of the kind `reset-started` does not show `{{ link }}`";
            assert!(
                matches!(&faults[..], [one] if one.contains(name) && one.contains(wanted)),
                "{faults:?}"
            );
            let own = text(name).replace(
                "t(lead, name=username, brand=brand, detail=detail)",
                "t(title)",
            );
            let faults = faults_of(&[(name, &own)]);
            let wanted = "one of the kind `sign-in-code` does not show `{{ detail }}`";
            assert!(
                matches!(&faults[..], [one] if one.contains(name) && one.contains(wanted)),
                "{faults:?}"
            );
            // one place is enough, and a mail without a link needs none
            let short = "{{ link }} {{ detail }}";
            assert_eq!(faults_of(&[(name, short)]), Vec::<String>::new());
        }
    }

    #[test]
    fn y388_each_field_and_each_form_is_needed_and_the_rest_can_be_left_out() {
        let (_, text) = TEMPLATES[1];
        for (part, wrong) in [
            ("name=\"username\"", "title=\"x\""),
            ("name=\"password\"", "title=\"x\""),
            ("name=\"flow\"", "title=\"x\""),
            ("action=\"{{ base }}/login\"", "action=\"{{ base }}/other\""),
        ] {
            let wrong = text.replace(part, wrong);
            assert_ne!(wrong, text, "{part}");
            assert_eq!(faults_of(&[("sign_in.html", &wrong)]).len(), 1, "{part}");
        }
        // it does not say how the form is sent: a password would stand in the URL
        let get = text.replace("method=\"post\"", "method=\"get\"");
        assert_eq!(faults_of(&[("sign_in.html", &get)]).len(), 1);
        let short = "{% if may_stay or stays or signed_in or notice %}{% endif %}\
            <FORM METHOD=POST ACTION='{{ base }}/login'><input type=hidden name=flow value='{{ flow }}'>\
            <input name=username value='{{ username }}'><input name=password type=password></form>";
        assert_eq!(faults_of(&[("sign_in.html", short)]), Vec::<String>::new());
    }

    #[test]
    fn all_faults_are_found_at_once() {
        let files = [
            ("account.html", "{{ one }}\n{{ two }}"),
            ("message.html", "{% if %}"),
            ("other.txt", ""),
        ];
        assert_eq!(faults_of(&files).len(), 4);
    }
}
