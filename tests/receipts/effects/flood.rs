//! A mailbox full of strangers' mails while a notice goes out (C13).
