//! The values of the secrets that an app is granted: read before its tasks are opened, and again by each reload.

use std::sync::Arc;

use saggar_http_client::{Secrets, read_secrets};

use crate::app_location::AppLocation;
use crate::host::Host;

impl Host {
    /// Reads the values of the secrets that are granted at `place`. A secret without a value is logged, and requests that need
    /// it fail.
    pub(crate) async fn load_secrets(&self, place: &Arc<AppLocation>) {
        if place.grants().secrets.is_empty() {
            return self.worker.set_secrets(Secrets::default());
        }
        let (place, program) = (Arc::clone(place), Arc::clone(&self.secret_program));
        let read = move || read_secrets(&place.grants().secrets, |name| place.granted_value(name), &*program);
        let (secrets, errors) = self.read(read).await;
        for error in errors {
            tracing::error!(tenant = %self.tenant_name(), %error, "a secret has no value");
        }
        self.worker.set_secrets(secrets);
    }
}
