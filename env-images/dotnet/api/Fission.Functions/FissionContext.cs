using System;
using System.Collections.Generic;
using System.IO;
using System.Security.Cryptography.X509Certificates;
using System.Text;

// The names of Fission's environment for .NET 6.
namespace Fission.Functions
{
    public interface IFissionFunction
    {
        object Execute(FissionContext context);
    }

    public class FissionContext
    {
        public IReadOnlyDictionary<string, string> Arguments;
        public FissionLogger Logger;
        public string PackagePath;
        public FissionRequest Request;

        /// <summary>An object read from a JSON file of the package.</summary>
        public T GetSettings<T>(string relativePath)
        {
            var json = File.ReadAllText(Path.Combine(PackagePath, relativePath));
#if NET
            return System.Text.Json.JsonSerializer.Deserialize<T>(json);
#else
            return Newtonsoft.Json.JsonConvert.DeserializeObject<T>(json);
#endif
        }
    }

    public class FissionRequest
    {
        public Stream Body;

        /// <summary>Always null: the gateway ends TLS.</summary>
        public X509Certificate2 ClientCertificate;
        public IReadOnlyDictionary<string, IEnumerable<string>> Headers;
        public string Method;
        public string Url;

        public string GetBodyAsString()
        {
            Body.Position = 0;
            return new StreamReader(Body, Encoding.UTF8).ReadToEnd();
        }
    }

    public delegate void FissionWriteLog(string format, params object[] args);

    public class FissionLogger
    {
        public FissionWriteLog WriteCritical = Named("Critical");
        public FissionWriteLog WriteError = Named("Error");
        public FissionWriteLog WriteInfo = Named("Info");
        public FissionWriteLog WriteWarning = Named("Warning");

        private static FissionWriteLog Named(string severity)
        {
            return (format, args) =>
                Console.WriteLine(severity + ": " + (args == null || args.Length == 0 ? format : string.Format(format, args)));
        }
    }
}
