//! Images: fetched, checked, cached, unpacked, refused. Real files and tools, and a real server.

mod cache;
mod case;
mod downloads;
mod hostile;
mod packed;
mod server;
