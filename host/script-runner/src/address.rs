//! What URL does: parsing and changing, by the WHATWG's rules. The prelude has the class.

use rquickjs::{Array, Ctx, Exception, Object, Result, Value};
use url::{Url, quirks};

use crate::ffi;
use crate::host_function::{argument, define};

/// Adds `parseUrl(text, base)` and `changeUrl(href, part, text)`, which return the parts of the URL.
pub(crate) fn install(native: &Object<'_>) -> Result<()> {
    define(native, "parseUrl", parse)?;
    define(native, "changeUrl", change)
}

/// Returns the parts; `null` if it is not a URL.
fn parse<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let text = ffi::text(&argument(ctx, arguments, 0))?;
    let base = argument(ctx, arguments, 1);
    let base = if base.is_undefined() { None } else { Some(Url::parse(&ffi::text(&base)?)) };
    let url = match base {
        Some(Err(_)) => return Ok(Value::new_null(ctx.clone())),
        Some(Ok(base)) => base.join(&text),
        None => Url::parse(&text),
    };
    match url {
        Ok(url) => parts(ctx, &url),
        Err(_) => Ok(Value::new_null(ctx.clone())),
    }
}

/// Changes one part. What a part cannot become is ignored, as the standard says.
fn change<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let text = |index| ffi::text(&argument(ctx, arguments, index));
    let (href, part, value) = (text(0)?, text(1)?, text(2)?);
    let Ok(mut url) = Url::parse(&href) else { return Err(Exception::throw_type(ctx, "invalid URL")) };
    // An error means that the part stays as it is.
    let _unchanged = match part.as_str() {
        "protocol" => quirks::set_protocol(&mut url, &value),
        "username" => quirks::set_username(&mut url, &value),
        "password" => quirks::set_password(&mut url, &value),
        "host" => quirks::set_host(&mut url, &value),
        "hostname" => quirks::set_hostname(&mut url, &value),
        "port" => quirks::set_port(&mut url, &value),
        "pathname" => Ok(quirks::set_pathname(&mut url, &value)),
        "search" => Ok(quirks::set_search(&mut url, &value)),
        _ => Ok(quirks::set_hash(&mut url, &value)),
    };
    parts(ctx, &url)
}

fn parts<'js>(ctx: &Ctx<'js>, url: &Url) -> Result<Value<'js>> {
    let origin = quirks::origin(url);
    let parts = [
        quirks::href(url),
        quirks::protocol(url),
        quirks::username(url),
        quirks::password(url),
        quirks::host(url),
        quirks::hostname(url),
        quirks::port(url),
        quirks::pathname(url),
        quirks::search(url),
        quirks::hash(url),
        &origin,
    ];
    let array = Array::new(ctx.clone())?;
    for (index, part) in parts.into_iter().enumerate() {
        array.set(index, part)?;
    }
    Ok(array.into_value())
}
