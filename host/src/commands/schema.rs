//! `saggar schema`: prints the JSON Schema of the files that authors write.

use super::{output, test};
use crate::cli::author::{Schema, SchemaKind};

pub(crate) fn run(args: &Schema) -> anyhow::Result<u8> {
    let schema = match args.of {
        SchemaKind::Task => saggar::schema(),
        SchemaKind::TestFile => test::file_schema(),
    };
    output::json(&format!("{schema:#}"))?;
    Ok(0)
}
