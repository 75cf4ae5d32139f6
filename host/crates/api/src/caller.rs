//! Who sends a request, and for which tenant. Module `access` finds that out.

use std::net::IpAddr;
use std::sync::Arc;

use saggar_wire::Code;

use crate::grants::Grant;
use crate::problem::Refusal;
use crate::tokens::Role;

/// Who sends a request, and for which tenant. Also an extension of the request, for what reads its body.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Its rights.
    pub(crate) grant: Arc<Grant>,
    /// `None` if it may ask for any tenant, and names none.
    pub(crate) tenant: Option<Arc<str>>,
    /// Where the request comes from; `None` in tests without a connection.
    pub(crate) address: Option<IpAddr>,
}

impl Caller {
    /// Refuses a request with a lower role.
    pub(crate) fn require(&self, needed: Role) -> Result<(), Refusal> {
        if self.grant.role() >= needed {
            return Ok(());
        }
        let (has, needs) = (self.grant.role().name(), needed.name());
        Err(Refusal::new(Code::Forbidden, format!("the token's role is `{has}`, but this needs `{needs}`")))
    }
}
