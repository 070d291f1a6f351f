namespace Hearth.Loader
{
    /// <summary>
    /// A functionName taken apart: Class, Name.Space.Class, Assembly:Name.Space:Class (Fission's .NET 8), each with ::Method; empty for the
    /// package's only function.
    /// </summary>
    public sealed class EntryName
    {
        public string Assembly { get; private set; }

        public string Type { get; private set; }

        public string Method { get; private set; }

        public string Text { get; private set; }

        public void TakeMethod(string method)
        {
            Method = method;
        }

        public static EntryName Parse(string entry)
        {
            var name = new EntryName { Text = entry };
            var rest = entry;
            var method = rest.LastIndexOf("::", System.StringComparison.Ordinal);
            if (method >= 0)
            {
                name.Method = rest.Substring(method + 2);
                rest = rest.Substring(0, method);
            }
            var parts = rest.Split(':');
            if (parts.Length > 3) throw new LoadFault("the entry point " + entry + " must be Class, Name.Space.Class or Assembly:Name.Space:Class");
            name.Type = parts[parts.Length - 1];
            if (parts.Length == 3 && parts[1] != "") name.Type = parts[1] + "." + name.Type;
            if (parts.Length > 1) name.Assembly = parts[0];
            return name;
        }
    }
}
