using System.Collections.Generic;
using System.Reflection;
using Fission.DotNet.Common;

namespace Hearth.Loader
{
    /// <summary>What a function's static SetCorsPolicy asks for, as headers.</summary>
    public sealed class CorsPolicy : ICorsPolicy
    {
        private readonly Dictionary<string, string> _headers = new Dictionary<string, string>();

        /// <summary>Null when the class sets none.</summary>
        public static CorsPolicy Of(System.Type type)
        {
            var setter = type.GetMethod("SetCorsPolicy", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic, null,
                new[] { typeof(ICorsPolicy) }, null);
            if (setter == null) return null;
            var policy = new CorsPolicy();
            setter.Invoke(null, new object[] { policy });
            return policy;
        }

        public IEnumerable<KeyValuePair<string, string>> Headers
        {
            get { return _headers; }
        }

        public void AllowAnyOrigin()
        {
            _headers["Access-Control-Allow-Origin"] = "*";
        }

        public void AllowAnyHeader()
        {
            _headers["Access-Control-Allow-Headers"] = "*";
        }

        public void AllowAnyMethod()
        {
            _headers["Access-Control-Allow-Methods"] = "*";
        }

        public void AllowCredentials()
        {
            _headers["Access-Control-Allow-Credentials"] = "true";
        }

        public void WithOrigin(string[] origin)
        {
            _headers["Access-Control-Allow-Origin"] = string.Join(", ", origin);
        }

        public void WithHeader(string[] header)
        {
            _headers["Access-Control-Allow-Headers"] = string.Join(", ", header);
        }

        public void WithMethod(string[] method)
        {
            _headers["Access-Control-Allow-Methods"] = string.Join(", ", method);
        }
    }
}
