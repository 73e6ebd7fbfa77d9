#!/usr/bin/perl
# A connection to the database that stays open for so many seconds: session.pl PORT SECONDS
use strict;
use warnings;
use IO::Socket::INET;
my $session = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $ARGV[0]) or exit 1;
sleep $ARGV[1];
