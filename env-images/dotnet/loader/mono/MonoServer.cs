using System;
using System.Net;
using System.Net.Sockets;
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
        private readonly string _host;
        private readonly int _port;
        private volatile bool _stopping;

        private MonoServer(Instance instance, string host, int port)
        {
            _instance = instance;
            _host = host;
            _port = port;
        }

        public static MonoServer Start(Listen listen, Instance instance)
        {
            if (listen.Path != null) throw new NotSupportedException("Mono's HttpListener has no unix sockets; HEARTH_LISTEN must be tcp:host:port");
            var everywhere = listen.Host == "0.0.0.0" || listen.Host == "";
            var server = new MonoServer(instance, everywhere ? "*" : listen.Host, listen.Port);
            server._listener.IgnoreWriteExceptions = false;
            server._listener.Prefixes.Add("http://" + server._host + ":" + listen.Port + "/");
            server._listener.Start();
            if (!everywhere) server.AcceptEveryHost();
            // Inherited by accepted sockets: the end of a chunked answer must not wait for the client's delayed acknowledgement.
            server.ListeningSocket().NoDelay = true;
            new Thread(server.Accept) { IsBackground = true, Name = "accept" }.Start();
            return server;
        }

        /// <summary>Closes the listening socket and leaves the connections with running calls alone; HttpListener.Stop would end them.</summary>
        public void StopAccepting()
        {
            _stopping = true;
            ListeningSocket().Close();
        }

        /// <summary>
        /// A prefix names both the address that is bound and the Host header that is answered. Functions are called with any Host, so the
        /// bound address gets a second prefix for all of them, by way of Mono's internals (frozen at 6.8 in Debian).
        /// </summary>
        private void AcceptEveryHost()
        {
            var point = EndPoint();
            var prefixType = typeof(HttpListener).Assembly.GetType("System.Net.ListenerPrefix", true);
            var prefix = Activator.CreateInstance(prefixType, Internal, null, new object[] { "http://*:" + _port + "/" }, null);
            point.GetType().GetMethod("AddPrefix", Internal).Invoke(point, new[] { prefix, _listener });
        }

        private Socket ListeningSocket()
        {
            var point = EndPoint();
            return (Socket)point.GetType().GetField("sock", Internal).GetValue(point);
        }

        private object EndPoint()
        {
            var manager = typeof(HttpListener).Assembly.GetType("System.Net.EndPointManager", true);
            return manager.GetMethod("GetEPListener", Internal).Invoke(null, new object[] { _host, _port, _listener, false });
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
