use strict; use warnings; use IO::Socket::INET; use POSIX qw(:sys_wait_h strftime); use File::Temp; use Time::HiRes qw(time sleep);
$| = 1;
my %count; $count{$_ % 7}++ for 1 .. 10000; print join(",", map { "$_=$count{$_}" } sort keys %count), "\n";
my $text = "the quick brown fox" x 100; my $n = () = $text =~ /\b(\w)(\w*)\b/g; print "$n\n";
my $pid = fork // die; if (!$pid) { exit 9 } waitpid $pid, 0; print $? >> 8, "\n";
open my $p, "-|", "echo from child; exit 3" or die; print <$p>; close $p; print $? >> 8, "\n";
open $p, "|-", "tr a-z A-Z" or die; print $p "to child\n"; close $p;
local $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; select undef, undef, undef, 10; }; print $@;
local $SIG{USR1} = sub { print "got $_[0]\n" }; kill USR1 => $$;
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1") or die; my $port = $server->sockport;
if (!($pid = fork)) { my $c = IO::Socket::INET->new("127.0.0.1:$port") or die; print $c "hello\n"; print scalar <$c>; exit 0 }
my $c = $server->accept; my $line = <$c>; print $c "echo $line"; close $c; waitpid $pid, 0;
my ($fh, $name) = File::Temp::tempfile(); print $fh "line $_\n" for 1 .. 1000; close $fh; open $fh, "<", $name; my @lines = <$fh>; print scalar(@lines), "\n"; unlink $name;
print strftime("%Y-%m-%d", gmtime 86400 * 365), "\n"; opendir my $d, "/proc/self/fd" or die; print scalar(grep { /^\d+$/ } readdir $d) > 3 ? "fds\n" : "none\n";
my @pids = map { my $k = fork // die; if (!$k) { exit $_ } $k } 1 .. 20; my $sum = 0; $sum += ((waitpid $_, 0), $? >> 8)[1] for @pids; print "$sum\n"; print `uname -s`;
