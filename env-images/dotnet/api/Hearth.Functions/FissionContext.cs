using System;
using System.Collections.Generic;
using System.IO;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Newtonsoft.Json;

// The names of Fission's environments for .NET Core 1.1 and 2.0.
namespace Fission.DotNetCore.Api
{
    public class FissionContext
    {
        public FissionContext(Dictionary<string, object> args, Logger logger, FissionHttpRequest request)
        {
            if (args == null) throw new ArgumentNullException("args");
            if (logger == null) throw new ArgumentNullException("logger");
            if (request == null) throw new ArgumentNullException("request");
            Arguments = args;
            Logger = logger;
            Request = request;
            PackagePath = "";
        }

        /// <summary>The query's parameters by name.</summary>
        public Dictionary<string, object> Arguments { get; private set; }

        public FissionHttpRequest Request { get; private set; }

        public Logger Logger { get; private set; }

        /// <summary>The folder of the function's package.</summary>
        public string PackagePath { get; set; }

        /// <summary>An object read from a JSON file of the package.</summary>
        public T GetSettings<T>(string relativePath)
        {
            return JsonConvert.DeserializeObject<T>(File.ReadAllText(Path.Combine(PackagePath, relativePath)));
        }
    }

    public class FissionHttpRequest
    {
        public FissionHttpRequest(string method, string url, Dictionary<string, IEnumerable<string>> headers, Stream body)
        {
            Method = method;
            Url = url;
            Headers = headers;
            Body = body;
        }

        public Stream Body { get; private set; }

        public Dictionary<string, IEnumerable<string>> Headers { get; private set; }

        /// <summary>Always null: the gateway ends TLS.</summary>
        public X509Certificate Certificate
        {
            get { return null; }
        }

        public string Url { get; private set; }

        public string Method { get; private set; }

        public string BodyAsString()
        {
            Body.Position = 0;
            return new StreamReader(Body, Encoding.UTF8).ReadToEnd();
        }
    }

    public enum Severity
    {
        Info,
        Warning,
        Error,
        Critical,
        Verbose
    }

    public class Logger
    {
        public void Write(Severity severity, string format, params object[] args)
        {
            // Without arguments braces are text: many callers log JSON.
            Console.WriteLine(severity + ": " + (args == null || args.Length == 0 ? format : string.Format(format, args)));
        }

        public void WriteInfo(string format, params object[] args)
        {
            Write(Severity.Info, format, args);
        }

        public void WriteWarning(string format, params object[] args)
        {
            Write(Severity.Warning, format, args);
        }

        public void WriteError(string format, params object[] args)
        {
            Write(Severity.Error, format, args);
        }

        public void WriteCritical(string format, params object[] args)
        {
            Write(Severity.Critical, format, args);
        }

        public void WriteVerbose(string format, params object[] args)
        {
            Write(Severity.Verbose, format, args);
        }
    }
}
