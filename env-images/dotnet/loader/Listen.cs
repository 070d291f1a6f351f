using System;

namespace Hearth.Loader
{
    /// <summary>Where HEARTH_LISTEN says to listen: unix:/path or tcp:host:port.</summary>
    public sealed class Listen
    {
        public const string Default = "tcp:0.0.0.0:8888";

        /// <summary>Set for a unix socket, null otherwise.</summary>
        public string Path { get; private set; }

        public string Host { get; private set; }

        public int Port { get; private set; }

        public static Listen Parse(string wanted)
        {
            var address = string.IsNullOrEmpty(wanted) ? Default : wanted;
            if (address.StartsWith("unix:", StringComparison.Ordinal)) return new Listen { Path = address.Substring(5) };
            var colon = address.LastIndexOf(':');
            int port;
            if (!address.StartsWith("tcp:", StringComparison.Ordinal) || colon < 5 || !int.TryParse(address.Substring(colon + 1), out port))
                throw new ArgumentException("HEARTH_LISTEN is " + address + "; it must be unix:/path or tcp:host:port");
            return new Listen { Host = address.Substring(4, colon - 4).Trim('[', ']'), Port = port };
        }
    }
}
