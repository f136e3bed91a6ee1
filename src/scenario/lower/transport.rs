//! How connections are made: `http_version` and `tls` of `[target]`, `source_addresses` of `[load]`.

use std::net::IpAddr;
use std::path::Path;

use super::super::diagnostic::Diagnostics;
use super::super::raw::{HttpVersionFile, LoadFile, TargetFile};
use super::at::At;
use crate::plan::{Certificates, HttpVersion, Target, TargetKind, Transport};

/// Lowers what `[target]` says. `has_tls` is whether one of the target's addresses asks for TLS.
pub(super) fn lower(
    file: &TargetFile,
    folder: &Path,
    has_tls: bool,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Transport> {
    let http_version = match file.http_version.unwrap_or(HttpVersionFile::Http1) {
        HttpVersionFile::Http1 => HttpVersion::Http1,
        HttpVersionFile::Http2 => HttpVersion::Http2,
    };
    Some(Transport {
        http_version,
        certificates: certificates(file, folder, has_tls, at, diagnostics)?,
        source_addresses: Vec::new(),
    })
}

fn certificates(
    file: &TargetFile,
    folder: &Path,
    has_tls: bool,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Certificates> {
    let Some(tls) = &file.tls else {
        return Some(Certificates::Trusted);
    };
    let at = at.key("tls");
    if !has_tls {
        diagnostics.push(
            at.key_span(),
            "`tls` means nothing to a target without TLS; write base_url = \"https://…\"",
        );
        return None;
    }
    match (&tls.ca_file, tls.insecure.unwrap_or(false)) {
        (Some(_), true) => {
            diagnostics.push(
                at.key("ca_file").key_span(),
                "with insecure = true no certificate is verified, so `ca_file` would change nothing; leave one of them \
                 out",
            );
            None
        }
        (Some(path), false) => Some(Certificates::TrustedOrIssuedBy(folder.join(path))),
        (None, true) => Some(Certificates::Unverified),
        (None, false) => Some(Certificates::Trusted),
    }
}

/// Lowers `source_addresses` of `[load]` into the target.
pub(super) fn source_addresses(
    file: &LoadFile,
    target: Option<&mut Target>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) {
    let Some(texts) = &file.source_addresses else {
        return;
    };
    let at = at.key("source_addresses");
    let mut addresses: Vec<IpAddr> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let span = at.item(index).value_span();
        match text.parse::<IpAddr>() {
            Ok(address) if address.is_unspecified() => diagnostics.push(
                span,
                format!("`{address}` stands for any address; name one that this machine has"),
            ),
            Ok(address) if addresses.contains(&address) => {
                diagnostics.push(span, format!("`{address}` is in the list already"));
            }
            Ok(address) => addresses.push(address),
            Err(_) => diagnostics.push(
                span,
                "this is not an IP address; write one that this machine has, such as \"127.0.0.2\"",
            ),
        }
    }
    match target.map(|target| &mut target.kind) {
        Some(TargetKind::Remote(remote)) => remote.transport.source_addresses = addresses,
        Some(TargetKind::Reference(_)) => diagnostics.push(
            at.key_span(),
            "`source_addresses` is for a target with `base_url`; the run's own server is reached over loopback",
        ),
        None => {}
    }
}
