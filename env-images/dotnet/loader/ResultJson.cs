namespace Hearth.Loader
{
    /// <summary>Objects that functions return, as JSON with names in camelCase, as ASP.NET writes them.</summary>
    public static class ResultJson
    {
#if NET
        private static readonly System.Text.Json.JsonSerializerOptions Web =
            new System.Text.Json.JsonSerializerOptions(System.Text.Json.JsonSerializerDefaults.Web);

        public static string Write(object value)
        {
            return System.Text.Json.JsonSerializer.Serialize(value, value.GetType(), Web);
        }
#else
        private static readonly Newtonsoft.Json.JsonSerializerSettings Web =
            new Newtonsoft.Json.JsonSerializerSettings { ContractResolver = new KeepKeys() };

        public static string Write(object value)
        {
            return Newtonsoft.Json.JsonConvert.SerializeObject(value, Web);
        }

        /// <summary>Members change case, the keys of dictionaries do not.</summary>
        private sealed class KeepKeys : Newtonsoft.Json.Serialization.CamelCasePropertyNamesContractResolver
        {
            protected override Newtonsoft.Json.Serialization.JsonDictionaryContract CreateDictionaryContract(System.Type type)
            {
                var contract = base.CreateDictionaryContract(type);
                contract.PropertyNameResolver = key => key;
                return contract;
            }
        }
#endif
    }
}
