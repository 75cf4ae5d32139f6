//! The OpenAPI document: all routes, and what they have in common. Reading it requires no token.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use saggar_wire::{ListField, Order, Problem};
use utoipa::OpenApi;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{RefOr, Required};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::refusals::{ANSWER, refusals};
use crate::response_budget::IsBudgeted;
use crate::routes;
use crate::service::Service;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Saggar",
        description = "Background jobs as WebAssembly components: adding jobs, looking them up, changing them.\n\nEvery \
                       error is a problem document (RFC 9457) whose `code` never changes its meaning; docs/errors.md \
                       lists all codes. A host without tokens accepts requests from its own machine only.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "jobs", description = "Adding, looking up and changing jobs"),
        (name = "events", description = "Events of jobs as server-sent events"),
        (name = "tasks", description = "Tasks, with counts and rates"),
        (name = "tenants", description = "Tenants, with their use of the host, the caller's own rights, and the audit"),
        (name = "health", description = "Whether the process answers and the host takes jobs")
    ),
    components(schemas(ListField, Order, Problem)),
    // A token is required, unless the host has none.
    security((), ("token" = []))
)]
struct BaseDocument;

/// Returns the document without routes.
fn base_document() -> utoipa::openapi::OpenApi {
    let mut document = BaseDocument::openapi();
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A token of the host")).build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(token));
    components.schemas.extend(task_file().map(|schema| ("TaskFile".to_owned(), schema)));
    document
}

/// Returns the JSON Schema of task files, to which the definition of a task refers. Keys that take any value are left out,
/// because they are ignored and no effective definition has them.
fn task_file() -> Option<RefOr<Schema>> {
    let mut schema = saggar_definition::schema();
    let properties = schema.get_mut("properties")?.as_object_mut()?;
    properties.retain(|_, property| property.get("type").or(property.get("anyOf")).is_some());
    serde_json::from_value(schema).ok()
}

/// Returns all routes, with the document that describes them.
pub(crate) fn routes() -> OpenApiRouter<Service> {
    routes::add_to(OpenApiRouter::with_openapi(base_document())).routes(routes!(get_document))
}

/// Adds the header of operators to all routes that require a token, because each of them reads it.
fn with_tenant_header(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let header = ParameterBuilder::new()
        .name("Saggar-Tenant")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .schema(Some(text))
        .description(Some(
            "For which tenant an operator asks. A token of a tenant needs no such header, and may name only its own tenant.",
        ))
        .build();
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
            if operation.security.is_none() {
                operation.parameters.get_or_insert_default().push(header.clone());
            }
        }
    }
    document
}

static TEXT: LazyLock<String> = LazyLock::new(|| {
    // A document of texts can always be serialized.
    serde_json::to_string_pretty(&with_tenant_header(routes().into_openapi())).unwrap_or_default()
});

/// Returns the OpenAPI document of the service as JSON.
pub fn openapi() -> &'static str {
    &TEXT
}

refusals! {
    DocumentRefusals [ANSWER];
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "health", security(()),
    responses((status = 200, description = "The document", body = serde_json::Value, content_type = "application/json"), DocumentRefusals)
)]
async fn get_document() -> Response {
    let mut response = ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], openapi()).into_response();
    // The text is not copied, so clients without a token that read it slowly take no room from others.
    response.extensions_mut().insert(IsBudgeted);
    response
}

#[cfg(test)]
mod tests {
    use saggar_wire::Code;

    use super::*;

    #[test]
    fn all_codes_except_method_not_allowed_are_refusals_of_a_route() {
        let missing = |code: &&Code| !openapi().contains(&format!("\"{}\"", code.name()));
        let missing: Vec<_> = Code::ALL.iter().filter(missing).collect();
        assert_eq!(missing, [&Code::MethodNotAllowed]);
    }

    #[tokio::test]
    async fn the_document_takes_no_room_of_other_answers() {
        assert!(get_document().await.extensions().get::<IsBudgeted>().is_some());
    }

    #[test]
    fn the_document_has_the_schema_of_task_files() {
        let document: serde_json::Value = serde_json::from_str(openapi()).unwrap();
        let published = &document["components"]["schemas"]["TaskFile"]["properties"];
        let names =
            |object: &serde_json::Value| -> Vec<String> { object.as_object().unwrap().keys().cloned().collect() };
        let ignored = ["$schema", "comment", "description", "version"];
        let mut expected = names(&saggar_definition::schema()["properties"]);
        expected.retain(|name| !ignored.contains(&name.as_str()));
        assert_eq!(names(published), expected);
        assert_eq!(published["size"]["anyOf"][0]["maximum"], 10_000_000);
    }
}
