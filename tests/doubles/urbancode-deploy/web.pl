#!/usr/bin/perl
# The web UI and the agents' port of a pretend server, with a connection to the database: web.pl DIR WEB AGENTS DATABASE ACTIVITY
#
# It misbehaves as the files in DIR/behave say:
#   web.code    what every address answers, such as 401 or 503
use strict;
use warnings;
use IO::Socket::INET;

my ($dir, $web, $agents, $database, $activity) = @ARGV;
alarm 1800;
$SIG{PIPE} = 'IGNORE';
my @open = map { IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $_, Listen => 16, ReuseAddr => 1) or die "port $_: $!" } ($web, $agents);
my $session = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $database);
open(my $ready, '>', "$dir/double/ready") or die;
close($ready);

sub content {
    my ($file) = @_;
    open(my $in, '<', $file) or return '';
    local $/;
    my $text = <$in>;
    chomp($text);
    return $text;
}

my $parent = getppid();
while (1) {
    # It goes when the server that it belongs to has gone.
    exit 0 if getppid() != $parent;
    my $waiting = '';
    vec($waiting, fileno($open[0]), 1) = 1;
    next unless select($waiting, undef, undef, 1) > 0;
    my $client = $open[0]->accept() or next;
    my $request = <$client>;
    while (defined(my $line = <$client>)) { last if $line =~ /^\r?\n$/ }
    my $code = 200;
    $code = content("$dir/behave/web.code") if -e "$dir/behave/web.code";
    my $body = '{}';
    $body = content($activity) if ($request // '') =~ m{/rest/workflow/currentActivity};
    print $client "HTTP/1.0 $code Said\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body";
    close($client);
}
