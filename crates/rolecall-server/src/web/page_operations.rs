//! How the document describes pages that a table lists.

use http::Method;
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, PathItem, Paths, PathsBuilder, Required, Response,
    ResponseBuilder,
    path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn},
    schema::Type,
};

/// The tag of the pages for administrators.
pub(super) const TAG: &str = "admin pages";

/// Describes one method of a page. Its operation is named after the path.
pub(crate) fn describe(path: &str, method: &Method, summary: &str) -> Paths {
    let (method, verb) = if *method == Method::POST {
        (HttpMethod::Post, "post")
    } else {
        (HttpMethod::Get, "get")
    };
    let words = path.replace(['{', '}'], "").replace(['/', '-'], "_");
    let mut operation = OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some(format!("{verb}{words}")))
        .summary(Some(summary))
        .response("200", page("A page"))
        .response(
            "303",
            Response::new("To the sign-in, or to the page that follows"),
        )
        .response(
            "4XX",
            page("A page: the caller may not see it, or the request is wrong"),
        );
    for name in path.split('/').filter_map(|part| part.strip_prefix('{')) {
        let parameter = ParameterBuilder::new()
            .name(name.trim_end_matches('}'))
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        operation = operation.parameter(parameter);
    }
    let item = PathItem::new(method, operation);
    PathsBuilder::new().path(path, item).build()
}

fn page(description: &str) -> Response {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let content = ContentBuilder::new().schema(Some(text)).build();
    let response = ResponseBuilder::new().description(description);
    response.content("text/html", content).build()
}
