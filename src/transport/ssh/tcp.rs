//! The TCP connection: name, family, local address, the first of the addresses that answers.

use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::failure::{ConnectFailure, Stage};
use super::tuning::Family;

/// Connects within the endpoint's limit.
pub(super) async fn open(endpoint: &Endpoint) -> Result<TcpStream, ConnectFailure> {
    let limit = endpoint.connect_timeout;
    let opening = async {
        let addresses = resolve(endpoint).await?;
        first_that_answers(endpoint, &addresses).await
    };
    let tcp = timeout(limit, opening)
        .await
        .map_err(|_| ConnectFailure::TimedOut {
            stage: Stage::Tcp,
            limit,
        })??;
    // Without these two a slow or cut link shows later; no reason not to connect.
    let _ = tcp.set_nodelay(true);
    // Life signs are not looked at while a write blocks: then the kernel waits as long for an acknowledgement.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket2::SockRef::from(&tcp).set_tcp_user_timeout(Some(endpoint.tuning.patience()));
    Ok(tcp)
}

async fn resolve(endpoint: &Endpoint) -> Result<Vec<SocketAddr>, ConnectFailure> {
    let unresolvable = |why: String| ConnectFailure::Unresolvable {
        host: endpoint.host.clone(),
        why,
    };
    let found = lookup_host((endpoint.host.as_str(), endpoint.port)).await;
    let found = found.map_err(|error| unresolvable(error.to_string()))?;
    let family = endpoint.tuning.family;
    let addresses: Vec<SocketAddr> = found.filter(|address| fits(family, address)).collect();
    if addresses.is_empty() {
        return Err(unresolvable(
            match family {
                Family::Any => "the name service knows it, without an address",
                Family::V4 => "it has no IPv4 address, and AddressFamily is inet",
                Family::V6 => "it has no IPv6 address, and AddressFamily is inet6",
            }
            .into(),
        ));
    }
    Ok(addresses)
}

fn fits(family: Family, address: &SocketAddr) -> bool {
    match family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    }
}

async fn first_that_answers(
    endpoint: &Endpoint,
    addresses: &[SocketAddr],
) -> Result<TcpStream, ConnectFailure> {
    let mut why = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        // An address that swallows everything must leave time for those after it.
        let after = u32::try_from(addresses.len() - index - 1).unwrap_or(u32::MAX);
        let share = endpoint.connect_timeout / after.saturating_add(1);
        match timeout(share, connect(endpoint, *address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => why.push(format!("{address}: {error}")),
            Err(_) => why.push(format!("{address}: silent for {} ms", share.as_millis())),
        }
    }
    Err(ConnectFailure::Unreachable {
        address: format!("{}:{}", endpoint.host, endpoint.port),
        why: why.join("; "),
    })
}

async fn connect(endpoint: &Endpoint, address: SocketAddr) -> Result<TcpStream, String> {
    let Some(local) = &endpoint.tuning.bind_address else {
        return TcpStream::connect(address)
            .await
            .map_err(|error| error.to_string());
    };
    let bound = |error: std::io::Error| format!("from {local} (BindAddress): {error}");
    let mut locals = lookup_host((local.as_str(), 0)).await.map_err(bound)?;
    let from = locals
        .find(|from| from.is_ipv4() == address.is_ipv4())
        .ok_or_else(|| format!("{local} (BindAddress) is of another family"))?;
    let socket = if from.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    };
    let socket = socket.map_err(bound)?;
    socket.bind(from).map_err(bound)?;
    socket
        .connect(address)
        .await
        .map_err(|error| error.to_string())
}
