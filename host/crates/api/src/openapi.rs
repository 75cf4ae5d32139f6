//! The OpenAPI document: made of the routes and the wire types, with what is true of all of them.

use std::sync::LazyLock;

use saggar_wire::{Order, Problem};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Saggar",
        description = "Background jobs as WebAssembly components: adding jobs, looking them up, changing them.\n\nEvery \
                       error is a problem document (RFC 9457) whose `code` never changes its meaning; docs/errors.md \
                       lists all codes. A host without tokens answers its own machine only.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "jobs", description = "Jobs: adding, looking up, changing"),
        (name = "events", description = "What happens to jobs, followed as server-sent events"),
        (name = "tasks", description = "Tasks: what they are and how much they do"),
        (name = "health", description = "Whether the process answers and the host takes jobs")
    ),
    components(schemas(Order, Problem)),
    // A token, or none where the host has none.
    security((), ("token" = []))
)]
struct Frame;

/// What the routes are put into.
pub(crate) fn frame() -> utoipa::openapi::OpenApi {
    let mut frame = Frame::openapi();
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A token of the host's")).build();
    frame.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(token));
    frame
}

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let document = routes::all().into_openapi();
    // A document of texts is always JSON.
    serde_json::to_string_pretty(&document).unwrap_or_default()
});

/// The OpenAPI document of the service, as JSON.
pub fn openapi() -> &'static str {
    &TEXT
}
