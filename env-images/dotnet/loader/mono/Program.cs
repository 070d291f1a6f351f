using System;
using System.Threading;
using Mono.Unix;
using Mono.Unix.Native;

namespace Hearth.Loader
{
    /// <summary>One instance of the .NET environment on Mono: serves on HEARTH_LISTEN, else on 0.0.0.0:8888.</summary>
    public static class Program
    {
        // Calls block their threads; the pool would otherwise add one every half second only.
        private const int Threads = 64;

        public static int Main()
        {
            var output = Output.Install(Environment.GetEnvironmentVariable("HEARTH_LOG") == "json");
            ThreadPool.SetMinThreads(Threads, Threads);
            var platform = new MonoPlatform();
            Rehearsal.Run(output, platform);
            var instance = new Instance(output, platform);
            var terminate = new UnixSignal(Signum.SIGTERM);
            MonoServer server;
            try
            {
                server = MonoServer.Start(Listen.Parse(Environment.GetEnvironmentVariable("HEARTH_LISTEN")), instance);
            }
            catch (Exception fault)
            {
                Console.Error.WriteLine("dotnet environment: cannot listen on " + Environment.GetEnvironmentVariable("HEARTH_LISTEN") + ": " + fault.Message);
                output.Finish();
                return 1;
            }
            terminate.WaitOne(-1);
            server.StopAccepting();
            var done = instance.AwaitLastAnswer();
            if (!done) Console.Error.WriteLine("dotnet environment: calls still run after HEARTH_DRAIN_SECONDS and are cut off");
            output.Finish();
            // Not Environment.Exit: it would wait for threads that never return.
            Syscall._exit(done ? 0 : 1);
            return 0;
        }
    }
}
