using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using System.Threading;

namespace Hearth.Loader
{
    /// <summary>An instance: generic until code is loaded, the function's afterwards.</summary>
    public sealed class Instance
    {
        private const int DrainSeconds = 90;
        private static readonly Dictionary<string, string[]> PlatformPaths = new Dictionary<string, string[]>
        {
            { "/healthz", new[] { "GET", "HEAD" } },
            { "/specialize", new[] { "POST" } },
            { "/v2/specialize", new[] { "POST" } },
        };

        private readonly Output _output;
        private readonly Platform _platform;
        private readonly object _answered = new object();
        private int _running;
        private int _taken;
        private volatile LoadedFunction _function;

        public Instance(Output output, Platform platform)
        {
            _output = output;
            _platform = platform;
        }

        /// <summary>Answers one request on the present thread; never throws.</summary>
        public void Handle(Exchange exchange)
        {
            lock (_answered) _running++;
            var broken = false;
            try
            {
                broken = !Answer(exchange);
            }
            catch (Exception fault)
            {
                broken = true;
                if (!exchange.IsCallerGone(fault)) Console.Error.WriteLine(fault);
            }
            finally
            {
                exchange.End(broken);
                lock (_answered)
                {
                    _running--;
                    Monitor.PulseAll(_answered);
                }
            }
        }

        /// <summary>Waits until what runs has been answered; false when some of it still runs after HEARTH_DRAIN_SECONDS.</summary>
        public bool AwaitLastAnswer()
        {
            var set = Environment.GetEnvironmentVariable("HEARTH_DRAIN_SECONDS");
            var end = DateTime.UtcNow.AddSeconds(string.IsNullOrEmpty(set) ? DrainSeconds : int.Parse(set));
            lock (_answered)
            {
                while (_running > 0)
                {
                    var left = end - DateTime.UtcNow;
                    if (left <= TimeSpan.Zero) return false;
                    Monitor.Wait(_answered, left);
                }
            }
            return true;
        }

        public static void Text(Exchange exchange, int status, string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            var headers = new[] { new KeyValuePair<string, string>("Content-Type", "text/plain; charset=utf-8") };
            var body = exchange.Begin(status, headers, bytes.Length);
            if (bytes.Length > 0) body.Write(bytes, 0, bytes.Length);
        }

        /// <summary>False when the answer was begun and could not be completed.</summary>
        private bool Answer(Exchange exchange)
        {
            var function = _function;
            var path = exchange.RawPath;
            var platform = IsPlatform(exchange, path);
            if (function != null && !platform) return Call(function, exchange);
            if (platform && path == "/healthz") Text(exchange, 200, "ok\n");
            else if (platform) Specialize(exchange, path);
            else Text(exchange, 500, "Generic container: no requests supported\n");
            return true;
        }

        private bool Call(LoadedFunction function, Exchange exchange)
        {
            var id = exchange.Header("X-Request-Id");
            _output.Begin(id != "" ? id : exchange.Header("X-Fission-Request-ID"));
            try
            {
                return new Call(function, exchange).Run();
            }
            finally
            {
                _output.Finish();
            }
        }

        private void Specialize(Exchange exchange, string path)
        {
            Order order;
            try
            {
                order = path == "/specialize" ? Order.FirstVersion() : Order.Read(ReadAll(exchange.RequestBody));
            }
            catch (ArgumentException fault)
            {
                Text(exchange, 400, fault.Message + "\n");
                return;
            }
            if (Interlocked.CompareExchange(ref _taken, 1, 0) != 0)
            {
                Text(exchange, 400, "Not a generic container: code is loaded already\n");
                return;
            }
            Load(exchange, order);
        }

        private void Load(Exchange exchange, Order order)
        {
            try
            {
                foreach (var entry in order.Env) Environment.SetEnvironmentVariable(entry.Key, entry.Value);
                _function = CodeLoader.Load(_platform, order.FilePath, order.FunctionName);
            }
            catch (Exception fault)
            {
                var told = Traces.OfLoad(fault);
                Console.Error.Write(told);
                _output.Finish();
                _taken = 0;
                Text(exchange, 500, told);
                return;
            }
            _output.Finish();
            Text(exchange, 202, "");
        }

        /// <summary>Once code is loaded these are the platform's, unless the gateway passes on a caller's request.</summary>
        private static bool IsPlatform(Exchange exchange, string path)
        {
            string[] methods;
            return PlatformPaths.TryGetValue(path, out methods) && Array.IndexOf(methods, exchange.Method) >= 0
                && exchange.Header("X-Fission-Function-Name") == "";
        }

        private static string ReadAll(Stream body)
        {
            return new StreamReader(body, new UTF8Encoding(false)).ReadToEnd();
        }
    }
}
