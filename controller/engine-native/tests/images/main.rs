//! Images: fetched, checked, cached, unpacked, refused. Real files and tools, and a real server.

mod archives;
mod cache;
mod case;
mod downloads;
mod hostile;
mod packed;
mod server;
