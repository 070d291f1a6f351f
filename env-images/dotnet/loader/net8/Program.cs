using System;
using System.IO;
using System.Net;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Hearth.Loader
{
    /// <summary>One instance of the .NET environment on .NET 8 and Kestrel: serves on HEARTH_LISTEN, else on 0.0.0.0:8888.</summary>
    public static class Program
    {
        private const int Threads = 64;
        private const int HeaderLimit = 256 * 1024;

        public static int Main()
        {
            var output = Output.Install(Environment.GetEnvironmentVariable("HEARTH_LOG") == "json");
            ThreadPool.SetMinThreads(Threads, Threads);
            var platform = new Net8Platform();
            Rehearsal.Run(output, platform);
            var instance = new Instance(output, platform);
            var terminate = new ManualResetEventSlim();
            using var signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
            {
                context.Cancel = true;
                terminate.Set();
            });
            WebApplication server;
            try
            {
                server = Build(Listen.Parse(Environment.GetEnvironmentVariable("HEARTH_LISTEN")), instance);
                server.Start();
            }
            catch (Exception fault)
            {
                Console.Error.WriteLine("dotnet environment: cannot listen on " + Environment.GetEnvironmentVariable("HEARTH_LISTEN") + ": " + fault.Message);
                output.Finish();
                return 1;
            }
            terminate.Wait();
            // Unbinds at once; running calls go on until the token ends them, which is after they have been waited for.
            using var end = new CancellationTokenSource();
            var stopped = server.StopAsync(end.Token);
            var done = instance.AwaitLastAnswer();
            if (!done) Console.Error.WriteLine("dotnet environment: calls still run after HEARTH_DRAIN_SECONDS and are cut off");
            output.Finish();
            if (done) stopped.Wait(TimeSpan.FromSeconds(1));
            end.Cancel();
            Environment.Exit(done ? 0 : 1);
            return 0;
        }

        private static WebApplication Build(Listen listen, Instance instance)
        {
            var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
            builder.Logging.ClearProviders();
            builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = Timeout.InfiniteTimeSpan);
            // SIGTERM is this program's.
            builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
            builder.WebHost.ConfigureKestrel(options =>
            {
                options.AddServerHeader = false;
                options.AllowSynchronousIO = true;
                // The gateway has its own, stricter limits; a request that passed them must not fail here.
                options.Limits.MaxRequestBodySize = null;
                options.Limits.MinRequestBodyDataRate = null;
                options.Limits.MinResponseDataRate = null;
                options.Limits.MaxRequestHeadersTotalSize = HeaderLimit;
                options.Limits.MaxRequestLineSize = HeaderLimit;
                options.Limits.MaxRequestHeaderCount = 1000;
                options.Limits.KeepAliveTimeout = Timeout.InfiniteTimeSpan;
                if (listen.Path != null)
                {
                    File.Delete(listen.Path);
                    options.ListenUnixSocket(listen.Path, Protocol);
                }
                else
                {
                    options.Listen(IPAddress.Parse(listen.Host == "" ? "0.0.0.0" : listen.Host), listen.Port, Protocol);
                }
            });
            var server = builder.Build();
            server.Run(context => Task.Run(() => instance.Handle(new KestrelExchange(context))));
            return server;
        }

        private static void Protocol(ListenOptions options)
        {
            options.Protocols = HttpProtocols.Http1;
        }

        private sealed class NoLifetime : IHostLifetime
        {
            public Task WaitForStartAsync(CancellationToken cancellation)
            {
                return Task.CompletedTask;
            }

            public Task StopAsync(CancellationToken cancellation)
            {
                return Task.CompletedTask;
            }
        }
    }
}
