//! The routes, one file for each kind of request. What several of them answer, module `show` converts to wire types.

mod adding;
mod attempts;
mod audit;
mod bulk;
mod deployments;
mod events;
mod failures;
mod health;
mod job;
mod listing;
mod logs;
mod me;
mod metrics;
mod plugins;
mod pulse;
mod record;
mod reload;
mod series;
mod tasks;
mod tenants;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::Service;

/// Adds all routes to a router.
pub(crate) fn add_to(router: OpenApiRouter<Service>) -> OpenApiRouter<Service> {
    router
        .routes(routes!(adding::add_job, listing::list_jobs_of_task))
        .routes(routes!(adding::add_batch))
        .routes(routes!(adding::add_again))
        .routes(routes!(listing::list_jobs))
        .routes(routes!(listing::count_jobs))
        .routes(routes!(failures::list_failures))
        .routes(routes!(failures::get_failure_stacks))
        .routes(routes!(bulk::retry_jobs))
        .routes(routes!(bulk::cancel_jobs))
        .routes(routes!(bulk::delete_jobs))
        .routes(routes!(job::get_job, job::delete_job))
        .routes(routes!(job::cancel_job))
        .routes(routes!(job::retry_job))
        .routes(routes!(job::redeliver_job))
        .routes(routes!(logs::get_logs))
        .routes(routes!(attempts::get_attempts))
        .routes(routes!(record::get_record))
        .routes(routes!(record::list_records))
        .routes(routes!(events::follow_one))
        .routes(routes!(events::follow_feed))
        .routes(routes!(events::follow_many))
        .routes(routes!(pulse::follow_pulse))
        .routes(routes!(series::get_series))
        .routes(routes!(tasks::list_tasks))
        .routes(routes!(tasks::get_task))
        .routes(routes!(tasks::get_slots))
        .routes(routes!(tasks::pause_task))
        .routes(routes!(tasks::resume_task))
        .routes(routes!(reload::reload, reload::get_reload))
        .routes(routes!(deployments::list_deployments))
        .routes(routes!(deployments::roll_back))
        .routes(routes!(deployments::get_version))
        .routes(routes!(plugins::list_plugins))
        .routes(routes!(plugins::get_plugin))
        .routes(routes!(plugins::get_problems))
        .routes(routes!(me::get_me))
        .routes(routes!(audit::get_audit))
        .routes(routes!(tenants::list_tenants))
        .routes(routes!(tenants::get_tenant, tenants::remove_tenant))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
}
