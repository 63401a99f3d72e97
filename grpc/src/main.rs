//! The program `huzhu`.

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    huzhu_grpc::cli::run(huzhu_grpc::cli::Huzhu::parse())
}
