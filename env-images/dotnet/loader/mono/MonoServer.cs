using System;
using System.Net;
using System.Reflection;
using System.Threading;

namespace Hearth.Loader
{
    /// <summary>Mono's HttpListener, which speaks TCP only.</summary>
    public sealed class MonoServer
    {
        private const BindingFlags Internal = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
        private readonly HttpListener _listener = new HttpListener();
        private readonly Instance _instance;
        private volatile bool _stopping;

        private MonoServer(Instance instance)
        {
            _instance = instance;
        }

        public static MonoServer Start(Listen listen, Instance instance)
        {
            if (listen.Path != null) throw new NotSupportedException("Mono's HttpListener has no unix sockets; HEARTH_LISTEN must be tcp:host:port");
            var server = new MonoServer(instance);
            var everywhere = listen.Host == "0.0.0.0" || listen.Host == "";
            server._listener.IgnoreWriteExceptions = false;
            server._listener.Prefixes.Add("http://" + (everywhere ? "*" : listen.Host) + ":" + listen.Port + "/");
            server._listener.Start();
            if (!everywhere) server.AcceptEveryHost(listen);
            new Thread(server.Accept) { IsBackground = true, Name = "accept" }.Start();
            return server;
        }

        public void StopAccepting()
        {
            _stopping = true;
            // Closes the listening socket and leaves the connections with running calls alone; Stop() would end them.
            var point = EndPoint(_listenHost, _listenPort);
            point.GetType().GetField("sock", Internal).GetValue(point).GetType().GetMethod("Close", Type.EmptyTypes)
                .Invoke(point.GetType().GetField("sock", Internal).GetValue(point), null);
        }

        private string _listenHost = "*";
        private int _listenPort;

        /// <summary>
        /// A prefix names both the address that is bound and the Host header that is answered. Functions are called with any Host, so the
        /// bound address gets a second prefix for all of them, by way of Mono's internals (frozen at 6.8 in Debian).
        /// </summary>
        private void AcceptEveryHost(Listen listen)
        {
            _listenHost = listen.Host;
            _listenPort = listen.Port;
            var point = EndPoint(listen.Host, listen.Port);
            var prefixType = typeof(HttpListener).Assembly.GetType("System.Net.ListenerPrefix", true);
            var prefix = Activator.CreateInstance(prefixType, Internal, null, new object[] { "http://*:" + listen.Port + "/" }, null);
            point.GetType().GetMethod("AddPrefix", Internal).Invoke(point, new[] { prefix, _listener });
        }

        private object EndPoint(string host, int port)
        {
            var manager = typeof(HttpListener).Assembly.GetType("System.Net.EndPointManager", true);
            return manager.GetMethod("GetEPListener", Internal).Invoke(null, new object[] { host, port, _listener, false });
        }

        private void Accept()
        {
            while (true)
            {
                HttpListenerContext context;
                try
                {
                    context = _listener.GetContext();
                }
                catch (Exception)
                {
                    if (_stopping) return;
                    throw;
                }
                ThreadPool.QueueUserWorkItem(_ => _instance.Handle(new ListenerExchange(context, _stopping)));
            }
        }
    }
}
